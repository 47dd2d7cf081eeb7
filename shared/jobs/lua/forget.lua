-- Remove the records of jobs that ended long enough ago, and all that points to them.
-- ARGV: prefix, most to look at.  Returns the number removed.  Caller: JobStore.forget_ended (reaper).
local due = redis.call('ZRANGEBYSCORE', ENDED, '-inf', now_ms(), 'LIMIT', 0, ARGV[2])
for _, id in ipairs(due) do drop(id) end
return #due
