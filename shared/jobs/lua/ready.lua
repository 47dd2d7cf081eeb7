-- How many jobs of a queue can be claimed now. Makes delayed jobs ready first.
-- ARGV: prefix, queue.  Returns the count.  Caller: JobStore.ready_count (reaper, worker).
promote(ARGV[2], now_ms())
return redis.call('ZCARD', ready_key(ARGV[2]))
