-- End an attempt without ending the job: back to the queue, or paused, or (budget spent) failed.
-- ARGV: prefix, id, fence, cause, message, budget of this cause (-1: free of charge), delay (ms), events kept,
--       error if it fails (JSON), retention (ms), only if the lease has run out ('1' or '')
-- Returns {'queued'|'paused'|'failed'|'cancelled'} | {'lost', state, attempt}
-- Caller: JobStore.release (supervisor) and JobStore.take_back (reaper). Idempotent: a second call is 'lost'.
-- What the owner has asked for meanwhile wins: a lost job that was to be cancelled is cancelled.
local _, id, fence, cause, message, budget, delay, kept, error, retention, only_expired = unpack(ARGV)
local job, now = job_key(id), now_ms()
budget, delay = tonumber(budget), tonumber(delay)
local state, attempt, queue, request, order, newest, counted =
  unpack(redis.call('HMGET', job, 'state', 'attempt', 'queue', 'request', 'order', 'checkpoint_step', 'spent_step'))
if state ~= 'running' or attempt ~= fence then return { 'lost', state or '', attempt or '' } end
if only_expired == '1' and tonumber(redis.call('ZSCORE', LEASES, id) or '0') > now then
  return { 'lost', state, attempt }
end

close_attempt(id, fence, now, { cause = cause, message = message })
redis.call('DEL', live_key(id))  -- what it was doing is over
if request == 'cancel' then
  retire(id, 'running', 'cancelled', now, retention, kept, '{}')
  return { 'cancelled' }
end
if cause == 'paused' or request == 'pause' then
  move(id, 'running', 'paused')
  append(id, kept, 'paused', fence, '{}', now)
  trim_attempts(id)
  tighten(id)
  return { 'paused' }
end
if budget >= 0 then
  if tonumber(newest or '-1') > tonumber(counted or '-1') then  -- it got on: count anew
    redis.call('HDEL', job, 'spent:process_lost', 'spent:worker_lost', 'spent:infrastructure', 'spent:volume_full')
    redis.call('HSET', job, 'spent_step', newest)
  end
  if redis.call('HINCRBY', job, 'spent:' .. cause, 1) > budget then
    redis.call('HSET', job, 'error', error)
    retire(id, 'running', 'failed', now, retention, kept, error)
    return { 'failed' }
  end
end
move(id, 'running', 'queued')
redis.call('HSET', job, 'requeue_cause', cause, 'queued_ms', string.format('%.0f', now))
redis.call('HDEL', job, 'progress')
if delay > 0 then
  redis.call('ZADD', delayed_key(queue), now + delay, id)
  redis.call('HSET', job, 'waits_for', message)
else
  redis.call('ZADD', ready_key(queue), order, id)
end
append(id, kept, 'requeued', fence, cjson.encode({ cause = cause, message = message }), now)
trim_attempts(id)
tighten(id)
return { 'queued' }
