#!lua
-- Judges, appends and applies batches of write entries, one batch a partition; each entry has a verdict of its own.
--
--   1. who answers, and for which generation? another than the caller speaks for: nothing is done
--   2. each entry in order: void by name, generation or age; sealed; a condition whose key is not held; a
--      condition that does not hold; else applied. Later entries see what earlier ones of the batch wrote
--   3. runs of applied entries become blocks of the stream (XADD with the position of the run's last write), and
--      their names a block of `names`, for release.lua
--   4. the newest value of every key is set, without a TTL: it has not landed
--
-- Redis refuses the whole script before its first line when memory is full (OOM), the disk fails (MISCONF), or this
-- is a replica (READONLY); XADD comes before any value, so that a stream that disagrees changes nothing. A partition
-- is finished before the next one begins. Of a cluster each partition is asked by itself.
--
-- What costs here is every string that is made: Lua hashes all its bytes (1.2 us for 500). So values come ready to be
-- stored, their header made for the position where the caller expects its first write, and go on as the strings that
-- they are; only where another writer, or a refusal before it, moved a write, its value is made again.
--
-- Most batches are plain: unconditional puts, few enough for one block, and nothing but their caller has written since.
-- Then there is nothing to judge, and all that the calls of Redis need comes ready from the caller: names, and keys of
-- the epoch that it believes in. A batch that says it is plain, and finds things otherwise, is judged like any other.
--
-- KEYS[i] state of the i-th partition
-- ARGV[1] replicas wanted  ARGV[2] ageMax, then for each partition: identity, generation, position before its first
-- write as the caller expects it, number of entries, the entries without the bytes of their values (layout.ts), number
-- of values, the values, and whether it is plain ('1' or '0'). A plain one goes on: its epoch, where the last
-- entry begins, the lowest known end of the entries, its names as a block of `names` has them, and a key for each value
--
-- Returns { identity, live replicas, group 1, group 2, … }, a group being
--         { 'fenced', seen }
--         { 'replicas', seen }     fewer live replicas than wanted: nothing was done
--         { 'written', seen, position before, verdicts, missing }
--           verdicts: a letter per entry: a applied, s sealed, m version-mismatch, v void, f needs fill
--           missing:  'entry.write' of each key that has to be filled, from 0, with blanks between
local wanted, ageMax = tonumber(ARGV[1]), tonumber(ARGV[2])
local who, live = identity(wanted)

-- Whether nothing has to be judged.
local function isPlain(state, plain, expected, generation, values)
  return ARGV[plain] == '1' and state.position == expected and state.epoch == ARGV[plain + 1]
    and tonumber(ARGV[plain + 3]) >= generation * COUNT_SPAN
    and expected + values - tonumber(ARGV[plain + 3]) <= ageMax
    and call('EXISTS', state.prefix .. 'voids', state.prefix .. 'seals') == 0
end

local function writePlain(state, stateKey, count, blob, value, values, plain)
  local prefix, through, bytes = state.prefix, state.position + values, #blob
  local run, sets = { 'XADD', prefix .. 'log', idOf(through), 'e', blob }, {}
  for i = 0, values - 1 do
    local one = ARGV[value + i]
    run[6 + i] = one
    sets[1 + 2 * i], sets[2 + 2 * i] = ARGV[plain + 5 + i], one
    bytes = bytes + #one
  end
  if values % 2 == 1 then run[6 + values] = '' end
  call(unpack(run))
  local cost = costOf(bytes, values)
  call('XADD', prefix .. 'names', run[3], 'k', ARGV[plain + 4], 'b', cost)
  call('MSET', unpack(sets))
  local f, started = state.fields, state.fields[POSITION]
  local _, _, last = unpackStruct('<I4BBc0', blob, tonumber(ARGV[plain + 2]) + 1)
  f[POSITION], f[LAST], f[BYTES] = text(through), last, text(state.bytes + cost)
  call('HSET', stateKey, 'position', f[POSITION], 'last', f[LAST], 'bytes', f[BYTES])
  return { 'written', stored(state), started, string.rep('a', count), '' }
end

local function writeBatch(stateKey, claimed, generation, expected, count, blob, value, valueCount)
  local state = load(prefixOf(stateKey))
  if fenced(state, who, claimed, generation) then return { 'fenced', stored(state) } end
  if live < wanted then return { 'replicas', stored(state) } end
  local plain = value + valueCount
  if isPlain(state, plain, expected, generation, valueCount) then
    return writePlain(state, stateKey, count, blob, value, valueCount, plain)
  end

  local started = state.fields[POSITION]
  local prefix, values, through = state.prefix, state.values, state.position
  local before, generationStart = through, generation * COUNT_SPAN
  local voidsKey, sealsKey, logKey = prefix .. 'voids', prefix .. 'seals', prefix .. 'log'
  local namesKey = prefix .. 'names'
  local hasVoids = call('EXISTS', voidsKey) == 1
  local seals
  if call('EXISTS', sealsKey) == 1 then
    seals = {}
    for _, collection in ipairs(call('HKEYS', sealsKey)) do seals[collection] = true end
  end

  -- Arguments of MSET, and where in them the value of a key is.
  local sets, setCount, slots = {}, 0, {}
  local verdicts, missing = {}, {}
  -- The present run of applied entries: arguments of its XADD.
  local run, runCount, runFrom, runWrites, runBytes = { 'XADD', logKey, '', 'e', '' }, 5, 1, 0, 0
  local names = {}
  local last = ''

  local function versionOf(key)
    local slot = slots[key]
    if not slot then
      local version, absent = headOf(key)
      return absent and 0 or version
    end
    local kind, version = readHeader(sets[slot])
    return kind == ABSENT and 0 or version
  end

  local function append(to)
    if runWrites > 0 then
      run[3] = idOf(through)
      -- A field for each value and a value for each field.
      if runCount % 2 == 0 then
        runCount = runCount + 1
        run[runCount] = ''
      end
      run[5] = (runFrom == 1 and to == #blob) and blob or sub(blob, runFrom, to)
      call(unpack(run, 1, runCount))
      local cost = costOf(#run[5] + runBytes, runWrites)
      call('XADD', namesKey, run[3], 'k', concat(names, '', 1, runWrites), 'b', cost)
      state.bytes = state.bytes + cost
    end
    runCount, runFrom, runWrites, runBytes = 5, to + 1, 0, 0
  end

  local from = 1
  local keys, refs, fresh = {}, {}, {}
  for entry = 1, count do
    local length, _, id, knownEnd, writes, at = unpackStruct('<I4BBc0dI2', blob, from)
    local after, firstValue, moved = from + 4 + length, value, through ~= expected
    local void = knownEnd < generationStart or through + 1 - knownEnd > ageMax
      or (hasVoids and call('ZSCORE', voidsKey, id))
    local sealed, lacking, mismatch
    for write = 1, writes do
      local flags, collection, name
      flags, collection, name, at = unpackStruct('<BBc0I2c0', blob, at)
      local ref = collection .. ':' .. name
      local key = values .. ref
      keys[write], refs[write] = key, ref
      if seals and seals[collection] then sealed = true end
      if flags % 2 == 1 then
        if not void then
          local version = versionOf(key)
          if not version then
            lacking = lacking or {}
            lacking[#lacking + 1] = (entry - 1) .. '.' .. (write - 1)
          elseif version ~= unpackStruct('<d', blob, at) then
            mismatch = true
          end
        end
        at = at + 8
      end
      if flags >= 2 then
        local bytes = ARGV[value]
        if moved then
          local kind, _, headerBytes = readHeader(bytes)
          bytes = headerOf(kind, through + write) .. sub(bytes, headerBytes + 1)
        end
        fresh[write] = bytes
        value = value + 1
        at = at + 9
      else
        fresh[write] = headerOf(ABSENT, through + write)
      end
    end
    expected = expected + writes
    if void then verdicts[entry] = 'v'
    elseif sealed then verdicts[entry] = 's'
    elseif lacking then
      verdicts[entry] = 'f'
      for _, one in ipairs(lacking) do missing[#missing + 1] = one end
    elseif mismatch then verdicts[entry] = 'm'
    else
      verdicts[entry] = 'a'
      if runWrites > 0 and (runBytes > BLOCK_BYTES or runCount + writes > UNPACK_MAX) then append(from - 1) end
      for i = firstValue, value - 1 do
        runCount, runBytes = runCount + 1, runBytes + #ARGV[i]
        run[runCount] = ARGV[i]
      end
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
        names[runWrites + write] = framed(refs[write])
      end
      through = through + writes
      last = id
      runWrites = runWrites + writes
    end
    if verdicts[entry] ~= 'a' then
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

local answer, at = { who, live }, 3
for i = 1, #KEYS do
  answer[i + 2] = writeBatch(KEYS[i], ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]),
    tonumber(ARGV[at + 3]), ARGV[at + 4], at + 6, tonumber(ARGV[at + 5]))
  local values = tonumber(ARGV[at + 5])
  at = at + 6 + values
  at = at + (ARGV[at] == '1' and 5 + values or 1)
end
return answer
