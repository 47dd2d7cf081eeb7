-- Which version the jobs in this Redis are of. One that holds none is marked as this version's.
-- ARGV: prefix.  Returns the version.  Caller: JobStore.require_schema. Repeating it is harmless.
mark_schema()
return redis.call('GET', SCHEMA_KEY) or '1'
