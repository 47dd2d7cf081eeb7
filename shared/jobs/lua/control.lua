-- What an owner asks of a job: cancel, pause, resume.
-- ARGV: prefix, id, verb, events kept, retention (ms)
-- Returns {'ok', state, request} | {'refused', state} | {'missing'}
-- Queued and paused jobs obey at once; a running one gets a request, which its worker reads with the next beat.
-- Caller: JobStore.cancel, .pause, .resume. Asking twice is harmless.
local _, id, verb, kept, retention = unpack(ARGV)
local job, now = job_key(id), now_ms()
local state, attempt, queue, request, owner, priority =
  unpack(redis.call('HMGET', job, 'state', 'attempt', 'queue', 'request', 'owner', 'priority'))
if not state then return { 'missing' } end

local function leave_queue()
  redis.call('ZREM', ready_key(queue), id)
  redis.call('ZREM', delayed_key(queue), id)
end

if verb == 'cancel' and (state == 'queued' or state == 'paused') then
  leave_queue()
  retire(id, state, 'cancelled', now, retention, kept, '{}')
  return { 'ok', 'cancelled', '' }
elseif verb == 'pause' and state == 'queued' then
  leave_queue()
  move(id, 'queued', 'paused')
  append(id, kept, 'paused', attempt, '{}', now)
  return { 'ok', 'paused', '' }
elseif verb == 'resume' and state == 'paused' then
  local order = stamp(queue, owner, priority)
  redis.call('HSET', job, 'order', order, 'queued_ms', string.format('%.0f', now), 'requeue_cause', '')
  if tonumber(redis.call('HGET', job, 'after_left') or '0') <= 0 then
    redis.call('HDEL', job, 'waits_for')
    redis.call('ZADD', ready_key(queue), order, id)
  end
  move(id, 'paused', 'queued')
  append(id, kept, 'resumed', attempt, '{}', now)
  return { 'ok', 'queued', '' }
elseif state == 'running' and (verb == 'cancel' or (verb == 'pause' and request ~= 'cancel')) then
  if request ~= verb then
    redis.call('HSET', job, 'request', verb)
    redis.call('SADD', UNCOPIED, id)
    append(id, kept, verb .. '_requested', attempt, '{}', now)
  end
  return { 'ok', state, verb }
elseif verb == 'resume' and state == 'running' and request == 'pause' then
  redis.call('HSET', job, 'request', '')
  append(id, kept, 'request_withdrawn', attempt, '{}', now)
  return { 'ok', state, '' }
elseif (verb == 'cancel' and state == 'cancelled') or (verb == 'pause' and state == 'paused') then
  return { 'ok', state, '' }
end
return { 'refused', state }
