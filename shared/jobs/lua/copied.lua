-- Note that copies of records have been written, unless a record has changed meanwhile: then it stays, or comes back, on the
-- list. So of two reapers that write at the same time, the slower one cannot leave an old copy behind.
-- ARGV: prefix, then pairs: id, revision of the record that was written ('' for one that was not there)
-- Returns the number taken off the list.  Caller: JobStore.copied.
local done = 0
for i = 2, #ARGV, 2 do
  local id = ARGV[i]
  local revision = redis.call('HGET', job_key(id), 'revision')
  if not revision or revision == ARGV[i + 1] then
    redis.call('SREM', UNCOPIED, id)
    done = done + 1
  else
    redis.call('SADD', UNCOPIED, id)
  end
end
return done
