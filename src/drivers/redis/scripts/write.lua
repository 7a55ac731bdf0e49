#!lua
-- Judges, appends and applies batches of write entries, one batch a partition; each entry has a verdict of its own.
--
--   1. who answers, and for which generation? another than the caller speaks for: nothing is done
--   2. each entry in order: void by name, generation or age; sealed; a condition whose key is not held; a
--      condition that does not hold; else applied. Later entries see what earlier ones of the batch wrote
--   3. runs of applied entries become blocks of the stream (XADD with the position of the run's last write)
--   4. the newest value of every key is set, without a TTL: it has not landed
--
-- Redis refuses the whole script before its first line when memory is full (OOM), the disk fails (MISCONF), or this
-- is a replica (READONLY); XADD comes before any value, so that a stream that disagrees changes nothing. A partition
-- is finished before the next one begins. Of a cluster each partition is asked by itself.
--
-- KEYS[i] state of the i-th partition
-- ARGV[1] replicas wanted  ARGV[2] ageMax, then for each partition: identity, generation, number of entries, the
-- entries (model/entry-codec.ts) one after another
--
-- Returns { identity, live replicas, group 1, group 2, … }, a group being
--         { 'fenced', seen }
--         { 'replicas', seen }     fewer live replicas than wanted: nothing was done
--         { 'written', seen, position before, verdicts, missing }
--           verdicts: a letter per entry: a applied, s sealed, m version-mismatch, v void, f needs fill
--           missing:  'entry.write' of each key that has to be filled, from 0, with blanks between
local wanted, ageMax = tonumber(ARGV[1]), tonumber(ARGV[2])
local who, live = identity(wanted)

local function writeBatch(stateKey, claimed, generation, count, blob)
  local state = load(prefixOf(stateKey))
  if fenced(state, who, claimed, generation) then return { 'fenced', stored(state) } end
  if live < wanted then return { 'replicas', stored(state) } end

  local started = state.fields[POSITION]
  local prefix, values, through = state.prefix, state.values, state.position
  local before, generationStart = through, state.generation * COUNT_SPAN
  local voidsKey, sealsKey, logKey = prefix .. 'voids', prefix .. 'seals', prefix .. 'log'
  local hasVoids = call('EXISTS', voidsKey) == 1
  local seals
  if call('EXISTS', sealsKey) == 1 then
    seals = {}
    for _, collection in ipairs(call('HKEYS', sealsKey)) do seals[collection] = true end
  end

  -- Arguments of MSET, and where in them the value of a key is.
  local sets, setCount, slots = {}, 0, {}
  local verdicts, missing = {}, {}
  -- The present run of applied entries.
  local runFrom, runWrites, last = 1, 0, ''

  local function versionOf(key)
    local slot = slots[key]
    if not slot then
      local version, absent = headOf(key)
      return absent and 0 or version
    end
    local kind, version = unpackStruct('>BI7', sets[slot])
    return kind == ABSENT and 0 or version
  end

  local function append(to)
    if runWrites > 0 then
      local block = (runFrom == 1 and to == #blob) and blob or sub(blob, runFrom, to)
      call('XADD', logKey, idOf(through), 'e', block)
      state.bytes = state.bytes + costOf(#block, runWrites)
    end
    runWrites = 0
  end

  local from = 1
  local keys, fresh = {}, {}
  for entry = 1, count do
    local length, _, id, knownEnd, writes, at = unpackStruct('<I4BBc0dI2', blob, from)
    local after = from + 4 + length
    local verdict = 'a'
    if knownEnd < generationStart or through + 1 - knownEnd > ageMax
      or (hasVoids and call('ZSCORE', voidsKey, id)) then
      verdict = 'v'
    else
      local lacking, mismatch
      for write = 1, writes do
        local flags, collection, name
        flags, collection, name, at = unpackStruct('<BBc0I2c0', blob, at)
        if seals and seals[collection] then
          verdict = 's'
          break
        end
        local key = values .. collection .. ':' .. name
        if flags % 2 == 1 then
          local version = versionOf(key)
          if not version then
            lacking = lacking or {}
            lacking[#lacking + 1] = (entry - 1) .. '.' .. (write - 1)
          elseif version ~= unpackStruct('<d', blob, at) then
            mismatch = true
          end
          at = at + 8
        end
        keys[write] = key
        if flags < 2 then
          fresh[write] = pack('>BI7', ABSENT, through + write)
        else
          local codec, rawBytes, bytes, first = unpackStruct('<BI4I4', blob, at)
          local head
          if rawBytes == bytes then head = pack('>BI7', codec, through + write)
          else head = pack('>BI7', codec + HAS_RAW_BYTES, through + write) .. sub(blob, at + 1, at + 4) end
          at = first + bytes
          fresh[write] = head .. sub(blob, first, at - 1)
        end
      end
      if verdict == 's' then lacking = nil
      elseif lacking then
        verdict = 'f'
        for _, one in ipairs(lacking) do missing[#missing + 1] = one end
      elseif mismatch then verdict = 'm' end
    end
    verdicts[entry] = verdict
    if verdict == 'a' then
      for write = 1, writes do
        local key = keys[write]
        local slot = slots[key]
        if not slot then
          setCount = setCount + 2
          sets[setCount - 1] = key
          slot = setCount
          slots[key] = slot
        end
        sets[slot] = fresh[write]
      end
      through = through + writes
      last = id
      runWrites = runWrites + writes
      if after - runFrom > BLOCK_BYTES then
        append(after - 1)
        runFrom = after
      end
    else
      append(from - 1)
      runFrom = after
    end
    from = after
  end

  if through ~= before then
    append(from - 1)
    for first = 1, setCount, UNPACK_MAX do
      call('MSET', unpack(sets, first, math.min(setCount, first + UNPACK_MAX - 1)))
    end
    if hasVoids then call('ZREMRANGEBYSCORE', voidsKey, '-inf', '(' .. text(through - ageMax)) end
    local f = state.fields
    f[POSITION], f[LAST], f[BYTES] = text(through), last, text(state.bytes)
    call('HSET', stateKey, 'position', f[POSITION], 'last', last, 'bytes', f[BYTES])
  end
  return { 'written', stored(state), started, concat(verdicts), concat(missing, ' ') }
end

local answer = { who, live }
for i = 1, #KEYS do
  local at = 4 * i - 1
  answer[i + 2] = writeBatch(KEYS[i], ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), ARGV[at + 3])
end
return answer
