-- Remove the records of jobs that ended long enough ago, and all that points to them.
-- ARGV: prefix, most to look at.  Returns the number removed.  Caller: JobStore.forget_ended (reaper).
local removed = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', ENDED, '-inf', now_ms(), 'LIMIT', 0, ARGV[2])) do
  local owner = redis.call('HGET', job_key(id), 'owner')  -- gone when no reaper ran for a day: see JobStore.list_jobs
  redis.call('DEL', job_key(id), events_key(id))
  redis.call('ZREM', JOBS, id)
  for _, kind in ipairs({ 'train', 'generate' }) do redis.call('ZREM', kind_key(kind), id) end
  if owner then redis.call('ZREM', owned_key(owner), id) end
  for _, state in ipairs({ 'succeeded', 'failed', 'cancelled' }) do
    redis.call('ZREM', state_key(state), id)
    if owner then redis.call('ZREM', owned_in(owner, state), id) end
  end
  redis.call('ZREM', ENDED, id)
  redis.call('SREM', UNCOPIED, id)
  removed = removed + 1
end
return removed
