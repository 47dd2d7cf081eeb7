-- Go on letting jobs go, or ending them, that waited for one that has ended: so many at once that it takes some milliseconds.
-- ARGV: prefix, events kept, retention (ms)
-- Returns the number of ended jobs that others still wait for.  Caller: JobStore.settle_waiting (reaper). Idempotent.
local _, kept, retention = unpack(ARGV)
local now, most = now_ms(), MOST_AT_ONCE
local some = redis.call('HRANDFIELD', UNSETTLED, MOST_AT_ONCE, 'WITHVALUES')
for i = 1, #some, 2 do
  local todo = {}
  most = settle(some[i], some[i + 1], now, most, todo)
  most = end_all(todo, now, retention, kept, most)
end
return redis.call('HLEN', UNSETTLED)
