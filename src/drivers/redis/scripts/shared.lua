-- What every script of this folder begins with: it is put after the script's own `#!lua` line.
--
-- KEYS[1] is always a partition's state hash, `ns:{p}:state`. All other keys of the partition carry the same hash
-- tag and are made from it, so that a script touches one slot only, and value keys can follow the present epoch.
--
-- Numbers: positions are exact up to 2^53 in Lua's doubles; they are stored and returned by '%.0f', never by
-- tostring, which rounds to 14 digits.
local call, pack, unpackStruct = redis.call, struct.pack, struct.unpack
local sub, find, format, concat = string.sub, string.find, string.format, table.concat

-- Positions of one generation: position = generation * 2^37 + count.
local COUNT_SPAN = 137438953472
-- Second in which this layout was made; epochs count from it, so that they are short.
local EPOCH_ORIGIN = 1700000000
-- Bytes of entries in one block of the stream: a reader that wants one entry is given no more.
local BLOCK_BYTES = 262144
-- Arguments of one call that are unpacked onto Lua's stack, which has room for 8,000.
local UNPACK_MAX = 4000
-- A replica that was silent for longer than so many seconds does not count as live; it answers every second.
local REPLICA_LAG_SECONDS = 2
-- Headers of values (layout.ts): kinds, and the short form's place values.
local ABSENT, HAS_RAW_BYTES = 3, 4
local KIND_SPAN, GENERATION_SPAN, GENERATIONS_SHORT, LONG = 2 ^ 45, 2 ^ 36, 512, 224

local function text(number)
  return format('%.0f', number)
end

-- A position as the id of a stream entry: generation-count. Both are below 10^14, which tostring writes exactly.
local function idOf(position)
  local generation = math.floor(position / COUNT_SPAN)
  return generation .. '-' .. position - generation * COUNT_SPAN
end

-- The position that a stream id stands for.
local function positionOf(id)
  local dash = find(id, '-', 1, true)
  return tonumber(sub(id, 1, dash - 1)) * COUNT_SPAN + tonumber(sub(id, dash + 1))
end

-- Who answers, and how many replicas are live. The count is made only where some are wanted.
local function identity(replicasWanted)
  local info = call('INFO', 'server', 'replication')
  local run = find(info, 'run_id:', 1, true)
  local role = find(info, 'role:', run, true)
  local replid = find(info, 'master_replid:', role, true)
  local who = sub(info, run + 7, run + 46) .. '-' .. sub(info, replid + 14, replid + 53)
  if sub(info, role + 5, role + 10) ~= 'master' then who = 'replica-' .. who end
  local live = 0
  if replicasWanted > 0 then
    for lag in string.gmatch(info, 'state=online,offset=%d+,lag=(%-?%d+)') do
      if tonumber(lag) <= REPLICA_LAG_SECONDS then live = live + 1 end
    end
  end
  return who, live
end

local function prefixOf(stateKey)
  return sub(stateKey, 1, -6)
end

-- What a partition's state has; the first so many are what answers say of it.
local FIELDS = { 'position', 'offset', 'journal', 'digest', 'last', 'generation', 'floor', 'refusedFrom', 'trimmed',
  'bytes', 'epoch', 'fence', 'openedFor', 'released', 'landed' }
local SEEN_FIELDS = 11
-- Where in `fields` of a state are those that change most.
local POSITION, LAST, BYTES = 1, 5, 10

local function valuesPrefix(prefix, epoch)
  return prefix .. 'v' .. (epoch or '') .. ':'
end

-- The state of a partition; without `position` it is missing.
local function load(prefix)
  local f = call('HMGET', prefix .. 'state', unpack(FIELDS))
  return {
    prefix = prefix,
    fields = f,
    position = tonumber(f[1] or nil),
    offset = f[2],
    journal = f[3],
    digest = f[4],
    last = f[5],
    generation = tonumber(f[6] or 0),
    floor = tonumber(f[7] or 0),
    refusedFrom = tonumber(f[8] or 0),
    trimmed = tonumber(f[9] or 0),
    bytes = tonumber(f[10] or 0),
    epoch = f[11],
    fence = tonumber(f[12] or 0),
    openedFor = f[13],
    released = tonumber(f[14] or 0),
    landed = tonumber(f[15] or 0),
    values = valuesPrefix(prefix, f[11]),
  }
end

-- Where the partition stands, as one string: layout.ts takes it apart. As the hash says it, but for `fields` that were
-- set since: nothing is formatted again.
local function stored(state)
  local f = state.fields
  for i = 1, SEEN_FIELDS do f[i] = f[i] or '' end
  return concat(f, '\n', 1, SEEN_FIELDS)
end

-- `stored` of a partition and what its value keys begin with, for scripts that need no more of its state; the second
-- is false where the partition is missing.
local function glance(prefix)
  local f = call('HMGET', prefix .. 'state', unpack(FIELDS, 1, SEEN_FIELDS))
  local values = f[1] and valuesPrefix(prefix, f[11])
  return stored({ fields = f }), values
end

-- The same from the numbers that a script has in hand.
local function seen(state)
  return concat({
    state.position and text(state.position) or '', state.offset or '', state.journal or '', state.digest or '',
    state.last or '', text(state.generation), text(state.floor), text(state.refusedFrom), text(state.trimmed),
    text(state.bytes), state.epoch or '',
  }, '\n')
end

-- Whether the caller speaks for another store or another generation.
local function fenced(state, who, claimed, generation)
  return claimed ~= who or state.openedFor ~= who or generation ~= state.generation or generation < state.fence
end

local function headerOf(kind, position)
  local generation = math.floor(position / COUNT_SPAN)
  local count = position - generation * COUNT_SPAN
  if generation < GENERATIONS_SHORT and count < GENERATION_SPAN then
    return pack('>I6', kind * KIND_SPAN + generation * GENERATION_SPAN + count)
  end
  return pack('>BI7', LONG + kind, position)
end

-- Kind and position of a header, and how long it is.
local function readHeader(bytes)
  if string.byte(bytes) >= LONG then
    local first, position = unpackStruct('>BI7', bytes)
    return first - LONG, position, 8
  end
  local number = unpackStruct('>I6', bytes)
  local kind = math.floor(number / KIND_SPAN)
  local rest = number - kind * KIND_SPAN
  return kind, rest + math.floor(rest / GENERATION_SPAN) * GENERATION_SPAN, 6
end

-- Version of what is held under a key and whether it is an absence; nil: not held.
local function headOf(key)
  local head = call('GETRANGE', key, 0, 7)
  if #head < 6 then return nil end
  local kind, position = readHeader(head)
  return position, kind == ABSENT
end

-- The values whose keys begin with `prefix` and end with ARGV[from] .. ARGV[to]; false where there is none.
local function held(prefix, from, to)
  local values = {}
  if not prefix then
    for i = from, to do values[#values + 1] = false end
    return values
  end
  for first = from, to, UNPACK_MAX do
    local keys = {}
    for i = first, math.min(to, first + UNPACK_MAX - 1) do keys[#keys + 1] = prefix .. ARGV[i] end
    local some = call('MGET', unpack(keys))
    if first == from then values = some else for i = 1, #keys do values[#values + 1] = some[i] end end
  end
  return values
end

-- What so many bytes of values are counted as until they are landed: under their keys, and in the stream.
local function costOf(bytes, writes)
  return 2 * bytes + 160 * writes
end

-- A name as the blocks of `names` have it.
local function framed(name)
  return pack('<I2', #name) .. name
end

-- Calls `each` with every name (collection:key) of a block of `names`, and returns how many there are.
local function eachName(block, each)
  local names, at, count = block[2][2], 1, 0
  while at <= #names do
    local name
    name, at = unpackStruct('<I2c0', names, at)
    each(name)
    count = count + 1
  end
  return count
end

-- How long a landed value may stay: its time plus up to an eighth, so that an import does not expire in one second.
local function ttlOf(ttl, version)
  return text(ttl + version % math.max(1, math.floor(ttl / 8)))
end

local function nowMs()
  local time = call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Ends holds whose time is over; what is landed by then gets its TTL.
local function sweep(state, now, ttl, max)
  local holds = state.prefix .. 'holds'
  for _, name in ipairs(call('ZRANGEBYSCORE', holds, '-inf', text(now), 'LIMIT', 0, max)) do
    local key = state.values .. name
    local version = headOf(key)
    if version and version <= state.floor then call('PEXPIRE', key, ttlOf(ttl, version)) end
    call('ZREM', holds, name)
  end
end

-- Forgets all of a partition but its generation and fence, at once: values of the old epoch cannot be reached any
-- more; those that never expire are collected in steps by collect.lua. The cost does not depend on what there was.
local function empty(state)
  local prefix = state.prefix
  local epoch = tonumber(call('TIME')[1]) - EPOCH_ORIGIN
  if state.epoch then
    epoch = math.max(epoch, tonumber(state.epoch, 16) + 1)
    if call('EXISTS', prefix .. 'names') == 1 then
      call('RENAME', prefix .. 'names', prefix .. 'old:' .. state.epoch)
      if call('EXISTS', prefix .. 'holds') == 1 then
        call('RENAME', prefix .. 'holds', prefix .. 'oldHolds:' .. state.epoch)
      end
      call('RPUSH', prefix .. 'old', state.epoch)
    end
  end
  call('UNLINK', prefix .. 'log', prefix .. 'voids', prefix .. 'seals', prefix .. 'refused', prefix .. 'holds')
  call('HDEL', prefix .. 'state', 'position', 'offset', 'journal', 'digest', 'last', 'floor', 'refusedFrom',
    'trimmed', 'released', 'landed', 'bytes')
  call('HSET', prefix .. 'state', 'epoch', format('%x', epoch))
end

-- Starts an emptied partition at a fold in ARGV[at] ..: position, offset, journal, digest, refusedFrom, then the
-- number of voids and (id, position) of each, of seals and (collection, position), of refused and position.
local function start(state, at)
  local prefix = state.prefix
  call('HSET', prefix .. 'state', 'position', ARGV[at], 'offset', ARGV[at + 1], 'journal', ARGV[at + 2],
    'digest', ARGV[at + 3], 'last', '', 'refusedFrom', ARGV[at + 4], 'floor', ARGV[at], 'trimmed', '0',
    'released', ARGV[at], 'landed', ARGV[at], 'bytes', '0')
  at = at + 5
  for _, kind in ipairs({ 'voids', 'seals', 'refused' }) do
    local count = tonumber(ARGV[at])
    at = at + 1
    for _ = 1, count do
      if kind == 'refused' then
        call('ZADD', prefix .. kind, ARGV[at], ARGV[at])
        at = at + 1
      else
        if kind == 'voids' then call('ZADD', prefix .. kind, ARGV[at + 1], ARGV[at])
        else call('HSET', prefix .. kind, ARGV[at], ARGV[at + 1]) end
        at = at + 2
      end
    end
  end
end
