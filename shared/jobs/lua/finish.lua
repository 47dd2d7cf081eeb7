-- End a job, once: compare-and-set on the fence.
-- ARGV: prefix, id, fence, state, result (JSON or ''), error (JSON or ''), event data (JSON), events kept,
--       retention (ms), key of the list of costs, lease (ms), message of the attempt ('' for none), what it cost (JSON or ''),
--       most costs kept
-- Returns {'ok'} (also when this very attempt has ended it the same way before) | {'lost', state, attempt}
-- Caller: JobStore.finish. The outcome already lies on the volume (DONE), so a crash right before this loses nothing.
local _, id, fence, state, result, error, data, kept, retention, costs, lease, message, cost, most = unpack(ARGV)
local job, now = job_key(id), now_ms()
local current, attempt = unpack(redis.call('HMGET', job, 'state', 'attempt'))
if attempt == fence and current == state then return { 'ok' } end
if not admit(id, fence, now, lease, kept) then return { 'lost', current or '', attempt or '' } end

if result ~= '' then redis.call('HSET', job, 'result', result) end
if error ~= '' then
  redis.call('HSET', job, 'error', error)
elseif state == 'succeeded' then
  redis.call('HDEL', job, 'error')  -- of a deadline that passed too late to stop it
end
close_attempt(id, fence, now, { outcome = state, message = message ~= '' and message or nil })
retire(id, 'running', state, now, retention, kept, data)
if cost ~= '' then
  redis.call('LPUSH', costs, cost)
  redis.call('LTRIM', costs, 0, most - 1)
  redis.call('PEXPIRE', costs, retention)
end
return { 'ok' }
