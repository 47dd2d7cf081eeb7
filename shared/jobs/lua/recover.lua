-- Take in a record that Redis has lost, as shared/volume/reindex.py has read it from the volume: hash, indices, events, expiry, and its
-- place in the queue when it had not ended. All or nothing, and nothing at all when there is a record already.
-- ARGV: prefix, id, state, queue, owner, priority, created (ms), dies (ms, '' when it has not ended), deadline (ms, '' for none),
--       number of jobs it waits for, their ids ..., number of strings in the hash, field, value ...,
--       then for each event: type, at (ms, rising), attempt, data (JSON)
-- Returns {'recovered'} | {'known'} | {'dependency', id, state}: one it waits for has ended without success, or is not there
-- Caller: JobStore.recover. Idempotent.
local _, id, state, queue, owner, priority, created, dies, deadline = unpack(ARGV, 1, 9)
local job = job_key(id)
if redis.call('EXISTS', job) == 1 then return { 'known' } end

local i = 10
local function block()
  local found, first = {}, i + 1
  local last = i + tonumber(ARGV[i])
  for n = first, last do found[#found + 1] = ARGV[n] end
  i = last + 1
  return found
end
local waits = {}
for _, other in ipairs(block()) do
  local its = redis.call('HGET', job_key(other), 'state')
  if not its or its == 'failed' or its == 'cancelled' then return { 'dependency', other, its or 'no longer known' } end
  if its ~= 'succeeded' then waits[#waits + 1] = other end
end

redis.call('DEL', deleted_key(id))
local hash = block()
for n = 1, #hash, 2 do redis.call('HSET', job, hash[n], hash[n + 1]) end
mark_schema()
redis.call('ZADD', JOBS, created, id)
redis.call('ZADD', kind_key(queue), created, id)
redis.call('ZADD', owned_key(owner), created, id)

local ms, seq, revision = -1, 0, nil
for n = i, #ARGV, 4 do
  local at = tonumber(ARGV[n + 1])
  if at > ms then ms, seq = at, 0 else seq = seq + 1 end
  revision = string.format('%.0f-%.0f', ms, seq)
  redis.call('XADD', events_key(id), revision, 'type', ARGV[n], 'at', ARGV[n + 1], 'attempt', ARGV[n + 2], 'data', ARGV[n + 3])
end
redis.call('HSET', job, 'revision', revision)
move(id, '', state)

if dies ~= '' then
  slim(id)
  trim_attempts(id)
  redis.call('ZADD', ENDED, dies, id)
  local gone = string.format('%.0f', tonumber(dies) + GRACE_MS)
  redis.call('PEXPIREAT', job, gone)
  redis.call('PEXPIREAT', events_key(id), gone)
  return { 'recovered' }
end
trim_attempts(id)
if deadline ~= '' then redis.call('ZADD', DEADLINES, deadline, id) end
for _, other in ipairs(waits) do redis.call('SADD', after_key(other), id) end
if #waits > 0 then
  redis.call('HSET', job, 'after_left', #waits)
  note_wait(id, waits)
end
if state == 'queued' then
  local order = stamp(queue, owner, priority)
  redis.call('HSET', job, 'order', order)
  if #waits == 0 then redis.call('ZADD', ready_key(queue), order, id) end
end
return { 'recovered' }
