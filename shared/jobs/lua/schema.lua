-- Which version the jobs in this Redis are of; one that holds none can be of any. (The first job says it: mark_schema.)
-- ARGV: prefix.  Returns the version.  Caller: JobStore.require_schema. Changes nothing.
local known = redis.call('GET', SCHEMA_KEY)
if known then return known end
return redis.call('EXISTS', JOBS) == 1 and '1' or SCHEMA
