-- Put in front of every script by shared/jobs/store.py. ARGV[1] is the key prefix in all of them; keys are built here, so one
-- server (or Sentinel group), not Redis Cluster, holds an installation. Names and lifetimes: shared/jobs/keys.py.
local P = ARGV[1]
local function job_key(id) return P .. ':job:' .. id end
local function events_key(id) return P .. ':events:' .. id end
local function feed_key(id) return P .. ':feed:' .. id end
local function live_key(id) return P .. ':live:' .. id end
local function state_key(state) return P .. ':jobs:' .. state end
local function ready_key(queue) return P .. ':ready:' .. queue end
local function delayed_key(queue) return P .. ':delayed:' .. queue end
local function fair_key(queue) return P .. ':fair:' .. queue end
local function kind_key(kind) return P .. ':kind:' .. kind end
local function owned_key(owner) return P .. ':owned:' .. owner end
local function owned_in(owner, state) return P .. ':owned:' .. owner .. ':' .. state end
local function after_key(id) return P .. ':after:' .. id end
local function deleted_key(id) return P .. ':deleted:' .. id end
local LEASES, JOBS, ENDED, ACTIVITY = P .. ':leases', P .. ':jobs', P .. ':ended', P .. ':activity'
local DEADLINES, UNCOPIED = P .. ':deadlines', P .. ':uncopied'
local QUEUES = { 'train', 'generate' }
local UNSETTLED = P .. ':unsettled'
local SCHEMA_KEY = P .. ':schema'
local GRACE_MS = 86400000
local FEED_MS = 60000  -- how long after a job's end readers in mid-stream still find its last pieces
local NOTED_BYTES = 400
local KEPT_PROGRESS_BYTES = 600
local MOST_AT_ONCE = 200  -- jobs one script lets go or ends because of another: some milliseconds
local KEPT_ATTEMPTS = 6  -- the first and the newest: as many as a budget of RETRY_BUDGET allows in a row
local KEPT_BYTES = 3700  -- of text in a record and its history, beyond which fewer attempts are kept
local FIELD_BYTES, EVENT_BYTES = 32, 24  -- a guess at what a server needs beside the text

-- Redis' own clock in milliseconds: the only clock leases know.
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Say which version's jobs these are, before the first of them: a Redis may have lost everything while all processes went on.
local function mark_schema()
  if redis.call('EXISTS', JOBS) == 0 then redis.call('SET', SCHEMA_KEY, SCHEMA) end
end

-- Add to one of a job's three streams; the id becomes the record's revision. Ids rise over all of them together, so that a reader
-- who has seen one entry has seen all before it.
local function add(stream, kept, exactness, id, type, attempt, data, now)
  local ms, seq = string.match(redis.call('HGET', job_key(id), 'revision') or '', '^(%d+)%-(%d+)$')
  local at = string.format('%.0f', now)
  local revision = at .. '-0'
  if ms and tonumber(ms) >= now then revision = ms .. '-' .. string.format('%.0f', tonumber(seq) + 1) end
  redis.call('XADD', stream, 'MAXLEN', exactness, kept, revision, 'type', type, 'at', at, 'attempt', attempt, 'data', data)
  redis.call('HSET', job_key(id), 'revision', revision, 'updated_ms', at)
end

-- Append an event: a fact that stays in the history.
local function append(id, kept, type, attempt, data, now)
  add(events_key(id), kept, '~', id, type, attempt, data, now)
end

-- What a worker tells: what lies on the volume besides goes to the feed, which does not outlive the job; so do notes beyond the
-- first NOTED_BYTES of them, which are in the log.
local FED = { checkpoint = true, sample = true, output = true }
local function append_told(id, kept, type, attempt, data, now)
  local fed = FED[type]
  if type == 'note' and not fed then fed = redis.call('HINCRBY', job_key(id), 'noted', #data) > NOTED_BYTES end
  add(fed and feed_key(id) or events_key(id), kept, '~', id, type, attempt, data, now)
end

-- Tell progress to those who watch: only the newest is kept, so that a long training does not push its history out.
local function tell(id, attempt, progress, now)
  add(live_key(id), 1, '=', id, 'progress', attempt, progress, now)
end

-- An owner who has nothing in any queue any more does not pay for places that were given up, by a cancel say.
local function forgive(owner)
  for _, queue in ipairs(QUEUES) do
    for priority = -10, 10 do redis.call('HDEL', fair_key(queue), 'o:' .. priority .. ':' .. owner) end
  end
end

-- Move a job from one state's index and its owner's to another's, tell waiting readers, and note that the copy of its record
-- on the volume is old.
local function move(id, from, to)
  local created = redis.call('ZSCORE', JOBS, id)
  local owner = redis.call('HGET', job_key(id), 'owner')
  if from ~= '' then
    redis.call('ZREM', state_key(from), id)
    redis.call('ZREM', owned_in(owner, from), id)
  end
  redis.call('ZADD', state_key(to), created, id)
  redis.call('ZADD', owned_in(owner, to), created, id)
  redis.call('HSET', job_key(id), 'state', to)
  redis.call('SADD', UNCOPIED, id)
  if from == 'queued' and to ~= 'running' and redis.call('ZCARD', owned_in(owner, 'queued')) == 0 then forgive(owner) end
  redis.call('XADD', ACTIVITY, 'MAXLEN', '~', 1000, '*', 'job', id, 'state', to)
end

-- Queue order: higher priority first, then fair shares. Within one priority an owner's n-th waiting job is stamped n places
-- after the job served last, so a thousand jobs of one owner never stand before another owner's first
-- (start-time fair queueing, Goyal et al. 1996, with one job as the unit of service).
local function stamp(queue, owner, priority)
  local fair = fair_key(queue)
  local served = tonumber(redis.call('HGET', fair, 'v:' .. priority) or '0')
  local last = tonumber(redis.call('HGET', fair, 'o:' .. priority .. ':' .. owner) or '0')
  local tag = math.max(served, last) + 1
  redis.call('HSET', fair, 'o:' .. priority .. ':' .. owner, string.format('%.0f', tag))
  return string.format('%.0f', -tonumber(priority) * 1e12 + tag)
end

local function served(queue, owner, priority, order)
  local fair, tag = fair_key(queue), tonumber(order) + tonumber(priority) * 1e12
  if tag > tonumber(redis.call('HGET', fair, 'v:' .. priority) or '0') then
    redis.call('HSET', fair, 'v:' .. priority, string.format('%.0f', tag))
  end
  local field = 'o:' .. priority .. ':' .. owner
  if tonumber(redis.call('HGET', fair, field) or '0') <= tag then redis.call('HDEL', fair, field) end
end

-- Make delayed jobs whose time has come ready.
local function promote(queue, now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', delayed_key(queue), '-inf', now, 'LIMIT', 0, 100)) do
    redis.call('ZREM', delayed_key(queue), id)
    local order = redis.call('HGET', job_key(id), 'order')
    if order then redis.call('ZADD', ready_key(queue), order, id) end
  end
end

-- Write into the record of one attempt (a small flat JSON object in field attempt:<n>).
local function note_attempt(id, number, values)
  local field = 'attempt:' .. number
  local record = cjson.decode(redis.call('HGET', job_key(id), field) or '{}')
  for name, value in pairs(values) do record[name] = value end
  redis.call('HSET', job_key(id), field, cjson.encode(record))
end

-- About how much room a job's record and its history take.
local function bytes_of(id)
  local total = 0
  for _, text in ipairs(redis.call('HGETALL', job_key(id))) do total = total + #text + FIELD_BYTES / 2 end
  for _, event in ipairs(redis.call('XRANGE', events_key(id), '-', '+')) do
    total = total + EVENT_BYTES
    for _, text in ipairs(event[2]) do total = total + #text end
  end
  return total
end

-- Give back the room that a stream keeps free for more (where RESTORE is not allowed it keeps it).
local function tighten(id)
  local told = redis.call('DUMP', events_key(id))
  if told then redis.pcall('RESTORE', events_key(id), 0, told, 'REPLACE') end
end

-- Leave out of a record what it tells of some attempts, and their events but notes: all of it is on the volume (claimed.json, log.txt).
-- How long they lasted is added up, for what the job has cost. numbers: a set.
local function forget_attempts(id, numbers)
  local lasted = 0
  for number in pairs(numbers) do
    local attempt = cjson.decode(redis.call('HGET', job_key(id), 'attempt:' .. number))
    lasted = lasted + ((attempt.ended_ms or attempt.started_ms) - attempt.started_ms)
    redis.call('HDEL', job_key(id), 'attempt:' .. number)
  end
  redis.call('HINCRBY', job_key(id), 'forgotten_ms', string.format('%.0f', lasted))
  local told = redis.call('XRANGE', events_key(id), '-', '+')
  redis.call('DEL', events_key(id))  -- a stream only gives room back by whole nodes of entries
  for _, event in ipairs(told) do
    local said = {}
    for n = 1, #event[2], 2 do said[event[2][n]] = event[2][n + 1] end
    if not numbers[said.attempt] or said.type == 'note' then redis.call('XADD', events_key(id), event[1], unpack(event[2])) end
  end
  tighten(id)
end

-- Keep of a job's attempts the first and the newest few; the newest alone where the record is large.
local function trim_attempts(id)
  local numbers = {}
  for _, field in ipairs(redis.call('HKEYS', job_key(id))) do
    local number = string.match(field, '^attempt:(%d+)$')
    if number then numbers[#numbers + 1] = tonumber(number) end
  end
  if #numbers < 2 then return end
  table.sort(numbers)
  local gone = {}
  while #numbers > KEPT_ATTEMPTS do gone[string.format('%.0f', table.remove(numbers, 2))] = true end
  if next(gone) then forget_attempts(id, gone) end
  while #numbers > 1 and bytes_of(id) > KEPT_BYTES do
    local oldest = table.remove(numbers, #numbers > 2 and 2 or 1)
    forget_attempts(id, { [string.format('%.0f', oldest)] = true })
  end
end

-- End running: no lease, no worker, the attempt's record closed.
local function close_attempt(id, number, now, values)
  redis.call('ZREM', LEASES, id)
  redis.call('HSET', job_key(id), 'worker', '', 'request', '')
  values.ended_ms = now
  local progress = redis.call('HGET', job_key(id), 'progress')
  if progress then values.last_step = cjson.decode(progress).step end
  note_attempt(id, number, values)
end

-- What a job waits for, as its record says it: those of the others that have not succeeded.
local function note_wait(id, others)
  redis.call('HSET', job_key(id), 'waits_for', 'job ' .. table.concat(others, ', ') .. ' to succeed')
end

local function note_rest(id)
  local rest = {}
  for _, other in ipairs(cjson.decode(redis.call('HGET', job_key(id), 'spec')).after) do
    if redis.call('HGET', job_key(other), 'state') ~= 'succeeded' then rest[#rest + 1] = other end
  end
  if #rest > 0 then note_wait(id, rest) end
end

-- Jobs that wait for one that has ended are let go (it succeeded) or are to fail in turn, which is put on todo: at most `most`
-- of them. Where more are left, UNSETTLED says so and the reaper goes on. Returns how many more may be settled.
local function settle(id, ended_as, now, most, todo)
  local some = most > 0 and redis.call('SPOP', after_key(id), most) or {}
  for _, waiting in ipairs(some) do
    local state, queue, order = unpack(redis.call('HMGET', job_key(waiting), 'state', 'queue', 'order'))
    if state ~= 'queued' and state ~= 'paused' then  -- it has been cancelled meanwhile, or deleted
    elseif ended_as ~= 'succeeded' then
      local error = cjson.encode({ code = 'dependency_failed',
        message = 'job ' .. id .. ', which it waited for, ended ' .. ended_as })
      redis.call('HSET', job_key(waiting), 'error', error)
      redis.call('HDEL', job_key(waiting), 'waits_for')
      todo[#todo + 1] = { waiting, state, 'failed', error }
    else
      redis.call('SADD', UNCOPIED, waiting)  -- its copy shall not say that it still waits
      if redis.call('HINCRBY', job_key(waiting), 'after_left', -1) > 0 then
        note_rest(waiting)
      else
        redis.call('HDEL', job_key(waiting), 'waits_for')
        if state == 'queued' then
          redis.call('ZADD', ready_key(queue), order, waiting)
          redis.call('XADD', ACTIVITY, 'MAXLEN', '~', 1000, '*', 'job', waiting, 'state', state)
        end
      end
    end
  end
  if redis.call('SCARD', after_key(id)) > 0 then
    redis.call('HSET', UNSETTLED, id, ended_as)
  else
    redis.call('HDEL', UNSETTLED, id)
  end
  return most - #some
end

-- Take from an ended job's record what only a job that may still run needs, and the newest metrics where they are many or
-- its result tells them (all of them are on the volume); and from its events the room that a stream keeps free for more (where RESTORE is not allowed they keep it).
local function slim(id)
  redis.call('HDEL', job_key(id), 'order', 'request', 'worker', 'requeue_cause', 'source', 'checkpoint_step', 'spent_step',
    'after_left', 'waits_for', 'noted', 'priority')
  local progress, result = unpack(redis.call('HMGET', job_key(id), 'progress', 'result'))
  if progress and (result or #progress > KEPT_PROGRESS_BYTES) then
    local kept = {}
    for name, value in pairs(cjson.decode(progress)) do
      if name ~= 'metrics' and value ~= cjson.null then kept[name] = value end
    end
    redis.call('HSET', job_key(id), 'progress', cjson.encode(kept))
  end
  local told = redis.call('DUMP', events_key(id))
  if told then redis.pcall('RESTORE', events_key(id), 0, told, 'REPLACE') end
end

-- End the jobs on todo ({ id, from, to, data of the event } each), and what has to end with them.
local function end_all(todo, now, retention_ms, kept, most)
  while #todo > 0 do
    local job, was, becomes, event = unpack(table.remove(todo))
    move(job, was, becomes)
    redis.call('HSET', job_key(job), 'finished_ms', string.format('%.0f', now))
    append(job, kept, becomes, redis.call('HGET', job_key(job), 'attempt'), event, now)
    slim(job)
    trim_attempts(job)
    -- forget.lua removes both with their index entries when their time has come; this is for when no reaper runs
    redis.call('PEXPIRE', job_key(job), retention_ms + GRACE_MS)
    redis.call('PEXPIRE', events_key(job), retention_ms + GRACE_MS)
    redis.call('ZADD', ENDED, now + retention_ms, job)
    redis.call('ZREM', DEADLINES, job)
    redis.call('DEL', live_key(job))
    redis.call('PEXPIRE', feed_key(job), FEED_MS)
    most = settle(job, becomes, now, most, todo)
  end
  return most
end

-- A terminal state with its event: the record now has an end of its own, and jobs that waited for this one are let go
-- (it succeeded) or fail in turn. `data` is the event's.
local function retire(id, from, to, now, retention_ms, kept, data)
  end_all({ { id, from, to, data } }, now, retention_ms, kept, MOST_AT_ONCE)
end

-- Forget an ended job.
local function drop(id)
  local owner = redis.call('HGET', job_key(id), 'owner')  -- gone when no reaper ran for a day: see JobStore.list_jobs
  redis.call('DEL', job_key(id), events_key(id), feed_key(id))
  redis.call('ZREM', JOBS, id)
  for _, kind in ipairs(QUEUES) do redis.call('ZREM', kind_key(kind), id) end
  if owner then redis.call('ZREM', owned_key(owner), id) end
  for _, state in ipairs({ 'succeeded', 'failed', 'cancelled' }) do
    redis.call('ZREM', state_key(state), id)
    if owner then redis.call('ZREM', owned_in(owner, state), id) end
  end
  redis.call('ZREM', ENDED, id)
  redis.call('SREM', UNCOPIED, id)
end

-- May attempt `fence` speak for the job? Returns its state, or nil when the lease is lost. A job that was taken back because
-- its worker fell silent, and that nobody has claimed since, is given to that worker again.
local function admit(id, fence, now, lease_ms, kept)
  local job = job_key(id)
  local state, attempt, queue, cause = unpack(redis.call('HMGET', job, 'state', 'attempt', 'queue', 'requeue_cause'))
  if attempt ~= fence then return nil end
  if state == 'running' then return state end
  if state == 'queued' and cause == 'worker_lost' then
    redis.call('ZREM', ready_key(queue), id)
    redis.call('ZREM', delayed_key(queue), id)
    move(id, 'queued', 'running')
    local field = 'attempt:' .. fence
    local record = cjson.decode(redis.call('HGET', job, field))
    record.ended_ms, record.cause, record.message = nil, nil, nil
    redis.call('HSET', job, field, cjson.encode(record), 'worker', record.worker, 'requeue_cause', '')
    redis.call('ZADD', LEASES, now + lease_ms, id)
    append(id, kept, 'readopted', fence, cjson.encode({ worker = record.worker }), now)
    return 'running'
  end
  return nil
end
