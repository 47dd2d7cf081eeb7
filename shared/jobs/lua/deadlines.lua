-- Cancel jobs whose deadline has passed: waiting ones at once, running ones through a request to their worker.
-- ARGV: prefix, events kept, retention (ms), most to look at.  Returns the number of jobs touched.
-- Caller: JobStore.enforce_deadlines (reaper). Idempotent.
local _, kept, retention, most = unpack(ARGV)
local now, touched = now_ms(), 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', DEADLINES, '-inf', now, 'LIMIT', 0, most)) do
  redis.call('ZREM', DEADLINES, id)
  local job = job_key(id)
  local state, queue = unpack(redis.call('HMGET', job, 'state', 'queue'))
  local error = cjson.encode({ code = 'deadline_passed', message = 'its deadline passed before it had ended' })
  if state == 'queued' or state == 'paused' then
    redis.call('ZREM', ready_key(queue), id)
    redis.call('ZREM', delayed_key(queue), id)
    redis.call('HSET', job, 'error', error)
    retire(id, state, 'cancelled', now, retention, kept, error)
    touched = touched + 1
  elseif state == 'running' then
    redis.call('HSET', job, 'error', error, 'request', 'cancel')
    append(id, kept, 'cancel_requested', redis.call('HGET', job, 'attempt'), error, now)
    touched = touched + 1
  end
end
return touched
