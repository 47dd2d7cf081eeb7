-- Remove index entries of jobs whose record has died.
-- ARGV: prefix, most to look at.  Returns the number removed.  Caller: JobStore.forget_ended (reaper).
local removed = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', ENDED, '-inf', now_ms(), 'LIMIT', 0, ARGV[2])) do
  redis.call('DEL', job_key(id), events_key(id))
  redis.call('ZREM', JOBS, id)
  for _, state in ipairs({ 'succeeded', 'failed', 'cancelled' }) do redis.call('ZREM', state_key(state), id) end
  redis.call('ZREM', ENDED, id)
  removed = removed + 1
end
return removed
