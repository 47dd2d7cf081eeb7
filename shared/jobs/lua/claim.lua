-- Give the best ready job of a queue to a worker: attempt + 1 (the fence), a lease by Redis' clock.
-- ARGV: prefix, queue, worker, device, lease (ms), events kept, patience (ms), max running per owner,
--       sources the worker holds warm ...
-- Returns {id, field, value, ...} of the claimed record, or {} when nothing is ready.
-- A warm source is preferred among the first 32 jobs of the head's priority, until the head has waited for `patience`.
-- Caller: JobStore.claim. A crash right after it costs one lease period: the reaper takes the job back.
local _, queue, worker, device, lease, kept, patience, max_running = unpack(ARGV)
local now = now_ms()
promote(queue, now)

local at_limit = {}  -- by owner, looked up once
local function limited(owner)
  if at_limit[owner] == nil then
    at_limit[owner] = redis.call('ZCARD', owned_in(owner, 'running')) >= tonumber(max_running)
  end
  return at_limit[owner]
end

-- The first job whose owner may run another. Fair order mixes owners, so it is near the front, unless an owner at the limit has
-- many of a higher priority: then the walk goes on to the end rather than hold the others back.
local id, head
for from = 0, redis.call('ZCARD', ready_key(queue)), 100 do
  local some = redis.call('ZRANGE', ready_key(queue), from, from + 99)
  for i, candidate in ipairs(some) do
    local state, owner = unpack(redis.call('HMGET', job_key(candidate), 'state', 'owner'))
    if state ~= 'queued' then
      redis.call('ZREM', ready_key(queue), candidate)
    elseif not limited(owner) then
      id, head = candidate, from + i - 1
      break
    end
  end
  if id or #some < 100 then break end
end
if not id then return {} end

if #ARGV > 8 then
  local priority, source, since = unpack(redis.call('HMGET', job_key(id), 'priority', 'source', 'queued_ms'))
  local warm = {}
  for i = 9, #ARGV do warm[ARGV[i]] = true end
  if not warm[source] and now - tonumber(since) < tonumber(patience) then
    for _, other in ipairs(redis.call('ZRANGE', ready_key(queue), head + 1, head + 31)) do
      local state, its_priority, its_source, owner =
        unpack(redis.call('HMGET', job_key(other), 'state', 'priority', 'source', 'owner'))
      if its_priority ~= priority then break end
      if state == 'queued' and warm[its_source] and not limited(owner) then id = other break end
    end
  end
end

local job = job_key(id)
local owner, priority, order = unpack(redis.call('HMGET', job, 'owner', 'priority', 'order'))
redis.call('ZREM', ready_key(queue), id)
served(queue, owner, priority, order)
local attempt = redis.call('HINCRBY', job, 'attempt', 1)
local at = string.format('%.0f', now)
redis.call('HSET', job, 'worker', worker, 'request', '', 'requeue_cause', '')
redis.call('HSETNX', job, 'started_ms', at)
redis.call('HDEL', job, 'progress', 'waits_for')
redis.call('ZADD', LEASES, now + lease, id)
note_attempt(id, attempt, { number = attempt, worker = worker, device = device, started_ms = now })
move(id, 'queued', 'running')
append(id, kept, 'claimed', attempt, cjson.encode({ worker = worker, device = device }), now)
trim_attempts(id)
local reply = redis.call('HGETALL', job)
table.insert(reply, 1, id)
return reply
