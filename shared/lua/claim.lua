-- Give the best ready job of a queue to a worker: attempt + 1 (the fence), a lease by Redis' clock.
-- ARGV: prefix, queue, worker, device, lease (ms), events kept, patience (ms), sources the worker holds warm ...
-- Returns {id, field, value, ...} of the claimed record, or {} when nothing is ready.
-- A warm source is preferred among the first 32 jobs of the head's priority, until the head has waited for `patience`.
-- Caller: JobStore.claim. A crash right after it costs one lease period: the reaper takes the job back.
local _, queue, worker, device, lease, kept, patience = unpack(ARGV)
local now = now_ms()
promote(queue, now)

local id
while not id do
  id = redis.call('ZRANGE', ready_key(queue), 0, 0)[1]
  if not id then return {} end
  if redis.call('HGET', job_key(id), 'state') ~= 'queued' then
    redis.call('ZREM', ready_key(queue), id)
    id = nil
  end
end

if #ARGV > 7 then
  local priority, source, since = unpack(redis.call('HMGET', job_key(id), 'priority', 'source', 'queued_ms'))
  local warm = {}
  for i = 8, #ARGV do warm[ARGV[i]] = true end
  if not warm[source] and now - tonumber(since) < tonumber(patience) then
    for _, other in ipairs(redis.call('ZRANGE', ready_key(queue), 1, 31)) do
      local state, its_priority, its_source = unpack(redis.call('HMGET', job_key(other), 'state', 'priority', 'source'))
      if its_priority ~= priority then break end
      if state == 'queued' and warm[its_source] then id = other break end
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
local reply = redis.call('HGETALL', job)
table.insert(reply, 1, id)
return reply
