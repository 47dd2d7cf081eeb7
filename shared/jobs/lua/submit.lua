-- Accept a job: record, first event, idempotency key and place in the queue, all or nothing.
-- ARGV: prefix, id, queue, owner, priority, spec (JSON), event data (JSON), events kept, max queued,
--       idempotency key ('' for none), fingerprint of the request, its lifetime (ms), source key ('' for none),
--       max queued per owner, deadline (ms, '' for none), max bytes kept per owner, then ids of the jobs it waits for ...
-- Returns {'created', id} | {'existing', id} | {'mismatch', id} | {'deleted', id} | {'full', count} | {'owner_full', count} | {'kept_full', bytes}
--         | {'no_dependency', id} | {'dependency_ended', id, state}
-- Caller: JobStore.submit, which sends the wake-up only afterwards. Ids are never given twice: the same call again, whose reply
-- was lost, changes nothing.
local _, id, queue, owner, priority, spec, data, kept, max_queued, idem, print, ttl, source,
  max_owned, deadline, max_kept = unpack(ARGV)
if redis.call('EXISTS', job_key(id)) == 1 then return { 'created', id } end
if idem ~= '' then
  local known = redis.call('GET', idem)
  if known then
    local existing, fingerprint = string.match(known, '^(%S+) (%S+)$')
    if fingerprint ~= print then return { 'mismatch', existing } end
    return { redis.call('EXISTS', job_key(existing)) == 1 and 'existing' or 'deleted', existing }
  end
end
local waiting = redis.call('ZCARD', ready_key(queue)) + redis.call('ZCARD', delayed_key(queue))
if waiting >= tonumber(max_queued) then return { 'full', tostring(waiting) } end
local owned = redis.call('ZCARD', owned_in(owner, 'queued'))
if owned >= tonumber(max_owned) then return { 'owner_full', tostring(owned) } end
local kept_bytes = redis.call('HGET', P .. ':kept', owner) or '0'
if tonumber(kept_bytes) > tonumber(max_kept) then return { 'kept_full', kept_bytes } end
local waits = {}
for i = 17, #ARGV do
  local state = redis.call('HGET', job_key(ARGV[i]), 'state')
  if not state then return { 'no_dependency', ARGV[i] } end
  if state == 'failed' or state == 'cancelled' then return { 'dependency_ended', ARGV[i], state } end
  if state ~= 'succeeded' then waits[#waits + 1] = ARGV[i] end
end

local now = now_ms()
local at = string.format('%.0f', now)
local order = stamp(queue, owner, priority)
redis.call('HSET', job_key(id), 'spec', spec, 'state', 'queued', 'queue', queue, 'owner', owner, 'priority', priority,
  'attempt', '0', 'request', '', 'worker', '', 'created_ms', at, 'queued_ms', at, 'order', order, 'source', source)
mark_schema()
redis.call('ZADD', JOBS, at, id)
redis.call('ZADD', kind_key(queue), at, id)
redis.call('ZADD', owned_key(owner), at, id)
if #waits == 0 then
  redis.call('ZADD', ready_key(queue), order, id)
else
  for _, other in ipairs(waits) do redis.call('SADD', after_key(other), id) end
  redis.call('HSET', job_key(id), 'after_left', #waits)
  note_wait(id, waits)
end
if deadline ~= '' then redis.call('ZADD', DEADLINES, deadline, id) end
move(id, '', 'queued')
append(id, kept, 'submitted', '0', data, now)
if idem ~= '' then redis.call('SET', idem, id .. ' ' .. print, 'PX', ttl) end
return { 'created', id }
