-- Renew a lease, carry progress, events and the newest checkpoint in, bring the owner's wish out.
-- ARGV: prefix, id, fence, lease (ms), events kept, progress (JSON or ''), checkpoint (JSON or ''), its step (or ''),
--       values to note on the attempt (JSON or ''), then pairs: event type, data (JSON) ...
-- Returns {'ok', request} | {'lost', state, attempt}
-- Caller: JobStore.beat, JobStore.checkpoint. Repeating it after a lost reply repeats its events, nothing else.
local _, id, fence, lease, kept, progress, checkpoint, step, values = unpack(ARGV)
local now = now_ms()
if not admit(id, fence, now, lease, kept) then
  local record = redis.call('HMGET', job_key(id), 'state', 'attempt')
  return { 'lost', record[1] or '', record[2] or '' }
end
redis.call('ZADD', LEASES, now + lease, id)
if progress ~= '' then
  redis.call('HSET', job_key(id), 'progress', progress)
  tell(id, fence, progress, now)
end
if checkpoint ~= '' then
  redis.call('HSET', job_key(id), 'checkpoint', checkpoint, 'checkpoint_step', step)
end
if values ~= '' then note_attempt(id, fence, cjson.decode(values)) end
for i = 10, #ARGV, 2 do append_told(id, kept, ARGV[i], fence, ARGV[i + 1], now) end
return { 'ok', redis.call('HGET', job_key(id), 'request') or '' }
