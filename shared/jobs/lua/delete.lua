-- Remove the record of one ended job, and all that points to it; note that this was wanted, for whoever still holds it.
-- ARGV: prefix, id, how long that is remembered (ms)
-- Returns {'deleted'} | {'missing'} | {'refused', state}.  Caller: JobStore.delete. Repeating it after a lost reply is harmless.
local _, id, remembered = unpack(ARGV)
local state = redis.call('HGET', job_key(id), 'state')
if not state then return { redis.call('EXISTS', deleted_key(id)) == 1 and 'deleted' or 'missing' } end
if not redis.call('ZSCORE', ENDED, id) then return { 'refused', state } end
drop(id)
redis.call('SET', deleted_key(id), '1', 'PX', remembered)
return { 'deleted' }
