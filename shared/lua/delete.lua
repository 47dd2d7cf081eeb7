-- Remove the record of one ended job, and all that points to it.
-- ARGV: prefix, id.  Returns {'deleted'} | {'missing'} | {'refused', state}.  Caller: JobStore.delete.
local state = redis.call('HGET', job_key(ARGV[2]), 'state')
if not state then return { 'missing' } end
if not redis.call('ZSCORE', ENDED, ARGV[2]) then return { 'refused', state } end
drop(ARGV[2])
return { 'deleted' }
