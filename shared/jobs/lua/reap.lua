-- Find running jobs whose lease has run out. After a restart of Redis every lease is first given one more period, since no
-- worker could renew while it was away.
-- ARGV: prefix, run id of the server, lease (ms), most to return
-- Returns {id, attempt, ...}.  Caller: JobStore.expired. Changes no job.
local _, run_id, lease, most = unpack(ARGV)
local now = now_ms()
if redis.call('GET', P .. ':server') ~= run_id then
  redis.call('SET', P .. ':server', run_id)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', now + lease)) do
    redis.call('ZADD', LEASES, now + lease, id)
  end
  return {}
end
local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, most)) do
  local attempt = redis.call('HGET', job_key(id), 'attempt')
  if attempt then
    found[#found + 1] = id
    found[#found + 1] = attempt
  else
    redis.call('ZREM', LEASES, id)
  end
end
return found
