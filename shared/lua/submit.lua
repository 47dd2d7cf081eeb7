-- Accept a job: record, first event, idempotency key and place in the queue, all or nothing.
-- ARGV: prefix, id, queue, owner, priority, spec (JSON), event data (JSON), events kept, max queued,
--       idempotency key ('' for none), fingerprint of the request, its lifetime (ms), source key ('' for none)
-- Returns {'created', id} | {'existing', id} | {'mismatch', id} | {'full', count}
-- Caller: JobStore.submit, which sends the wake-up only afterwards.
local _, id, queue, owner, priority, spec, data, kept, max_queued, idem, print, ttl, source = unpack(ARGV)
if idem ~= '' then
  local known = redis.call('GET', idem)
  if known then
    local existing, fingerprint = string.match(known, '^(%S+) (%S+)$')
    return { fingerprint == print and 'existing' or 'mismatch', existing }
  end
end
local waiting = redis.call('ZCARD', ready_key(queue)) + redis.call('ZCARD', delayed_key(queue))
if waiting >= tonumber(max_queued) then return { 'full', tostring(waiting) } end

local now = now_ms()
local at = string.format('%.0f', now)
local order = stamp(queue, owner, priority)
redis.call('HSET', job_key(id), 'spec', spec, 'state', 'queued', 'queue', queue, 'owner', owner, 'priority', priority,
  'attempt', '0', 'request', '', 'worker', '', 'created_ms', at, 'queued_ms', at, 'order', order, 'source', source)
redis.call('ZADD', JOBS, at, id)
redis.call('ZADD', ready_key(queue), order, id)
move(id, '', 'queued')
append(id, kept, 'submitted', '0', data, now)
if idem ~= '' then redis.call('SET', idem, id .. ' ' .. print, 'PX', ttl) end
return { 'created', id }
