#!lua flags=allow-oom
-- Applies entries of a separate journal to a partition, in order, by the rules of model/fold.ts; a compare-and-advance
-- of where the partition stands. Memory was reserved before the entries were journaled, so it does not ask for any.
--
--   1. another store, or not where the caller believes it: nothing is done
--   2. each entry in order: what the database has judged is dropped (keys gone, floor raised); void by name, generation
--      or age; sealed; a key that a condition needs is not held: stop before it; the condition; else applied
--   3. the names of what was applied become a block of `names`, for release.lua; then the newest value of every key
--      is set, without a TTL: it has not landed
--
-- KEYS[1] state
-- ARGV[1] identity  ARGV[2..5] from: position, offset, journal, digest  ARGV[6..9] to: the same  ARGV[10] ageMax
-- ARGV[11] number of entries  ARGV[12] the entries (model/entry-codec.ts), one after another
-- ARGV[13] where it may have to stop: for each conditional entry behind the first, its number (u32), and offset (f64)
--          and digest (16 characters) of the entry before it
-- ARGV[14] position up to which entries are dropped, or ''  ARGV[15] refusedFrom of who judged them
-- ARGV[16] .. refused positions among them
--
-- Returns { identity, 'turned-away', seen }
--         { identity, 'applied', seen, verdicts }
--         { identity, 'needs-fill', seen, verdicts, { index of each write that lacks its key, from 0 } }
--           verdicts: a letter per entry: a applied, c control, d dropped, n/g/o void by name, generation, age,
--           s sealed, m version-mismatch
local who = identity(0)
local state = load(prefixOf(KEYS[1]))
if who ~= ARGV[1] or not state.position or text(state.position) ~= ARGV[2] or state.offset ~= ARGV[3]
  or state.journal ~= ARGV[4] or state.digest ~= ARGV[5] then
  return { who, 'turned-away', seen(state) }
end

local ageMax, count, blob = tonumber(ARGV[10]), tonumber(ARGV[11]), ARGV[12]
local dropTo, dropRefusedFrom, dropRefused = tonumber(ARGV[14]) or -1, tonumber(ARGV[15]), {}
for i = 16, #ARGV do dropRefused[ARGV[i]] = true end

local prefix, values, through = state.prefix, state.values, state.position
local voidsKey, sealsKey, refusedKey = prefix .. 'voids', prefix .. 'seals', prefix .. 'refused'
local hasVoids = call('EXISTS', voidsKey) == 1
local seals, hasSeals = {}, false
for _, collection in ipairs(call('HKEYS', sealsKey)) do seals[collection], hasSeals = true, true end

-- What keys are after the entries so far: their stored bytes, or false where they were dropped.
local pending, order = {}, {}
local names, nameCount, cost = {}, 0, 0
local verdicts, lacking = {}, nil

local function put(key, stored)
  if pending[key] == nil then order[#order + 1] = key end
  pending[key] = stored
end

local function versionOf(key)
  local stored = pending[key]
  if stored == false then return nil end
  if stored == nil then
    local version, absent = headOf(key)
    return absent and 0 or version
  end
  local kind, version = readHeader(stored)
  return kind == ABSENT and 0 or version
end

-- A control entry: where the partition stands after it.
local function control(kind, from)
  local at = through + 1
  if kind == 1 then
    local _, _, _, target = unpackStruct('<I4BBc0Bc0', blob, from)
    call('ZADD', voidsKey, 'NX', text(at), target)
    hasVoids = true
  elseif kind == 2 then
    local _, _, _, collection = unpackStruct('<I4BBc0Bc0', blob, from)
    call('HSETNX', sealsKey, collection, text(at))
    seals[collection], hasSeals = true, true
  elseif kind == 3 then
    local _, _, _, generation = unpackStruct('<I4BBc0I4', blob, from)
    if generation > math.floor(through / COUNT_SPAN) then at = generation * COUNT_SPAN end
  end
  return at
end

local function voidCause(id, knownEnd, first)
  if hasVoids and call('ZSCORE', voidsKey, id) then return 'n' end
  if math.floor(knownEnd / COUNT_SPAN) < math.floor(first / COUNT_SPAN) then return 'g' end
  if first - knownEnd > ageMax then return 'o' end
end

-- What a write stores, and where the next one begins.
local function storedOf(flags, at, version)
  if flags < 2 then return headerOf(ABSENT, version), at end
  local codec, rawBytes, bytes, from = unpackStruct('<BI4I4', blob, at)
  local after = from + bytes
  if rawBytes == bytes then return headerOf(codec, version) .. sub(blob, from, after - 1), after end
  local head = headerOf(codec + HAS_RAW_BYTES, version)
  return head .. sub(blob, at + 1, at + 4) .. sub(blob, from, after - 1), after
end

-- Of the entry at hand, by write; what stands behind its last write is left from earlier ones.
local keys, refs, stores = {}, {}, {}

-- Drops, judges and applies a write entry; its verdict, or nil where it needs a fill.
local function write(id, knownEnd, writes, at)
  local first, last = through + 1, through + writes
  local dropped = last <= dropTo
  local void = not dropped and voidCause(id, knownEnd, first)
  if void then return void end
  local sealed, mismatch, needs = false, false, nil
  for index = 1, writes do
    local flags, collection, name
    flags, collection, name, at = unpackStruct('<BBc0I2c0', blob, at)
    local ref = collection .. ':' .. name
    local key = values .. ref
    if hasSeals and seals[collection] then sealed = true end
    if flags % 2 == 1 then
      local version = not dropped and versionOf(key)
      if not version then
        needs = needs or {}
        needs[#needs + 1] = index - 1
      elseif version ~= unpackStruct('<d', blob, at) then
        mismatch = true
      end
      at = at + 8
    end
    keys[index], refs[index] = key, ref
    stores[index], at = storedOf(flags, at, through + index)
  end
  if dropped then
    for index = 1, writes do put(keys[index], false) end
    state.floor = math.max(state.floor, last)
    if dropRefused[text(first)] then call('ZADD', refusedKey, text(first), text(first)) end
    if first <= dropRefusedFrom then state.refusedFrom = math.max(state.refusedFrom, dropRefusedFrom) end
    return 'd'
  end
  if needs and not sealed then
    lacking = needs
    return nil
  end
  if sealed or mismatch then
    call('ZADD', refusedKey, text(first), text(first))
    return sealed and 's' or 'm'
  end
  for index = 1, writes do
    local ref, stored = refs[index], stores[index]
    put(keys[index], stored)
    nameCount = nameCount + 1
    names[nameCount] = framed(ref)
    cost = cost + #stored
  end
  return 'a'
end

-- Offset and digest of the entry before the one with this number.
local function stoppedBefore(number)
  local stops = ARGV[13]
  for at = 1, #stops, 28 do
    local entry, offset, digest = unpackStruct('<I4dc16', stops, at)
    if entry == number then return text(offset), digest end
  end
end

local from = 1
for entry = 1, count do
  local length, head, id = unpackStruct('<I4BBc0', blob, from)
  local kind, verdict, last = head % 16, 'c', nil
  if kind == 0 then
    local _, _, _, knownEnd, writes, at = unpackStruct('<I4BBc0dI2', blob, from)
    last = through + writes
    verdict = write(id, knownEnd, writes, at)
  else
    last = control(kind, from)
  end
  if not verdict then break end
  verdicts[entry] = verdict
  through = last
  if hasVoids then call('ZREMRANGEBYSCORE', voidsKey, '-inf', '(' .. text(through - ageMax)) end
  from = from + 4 + length
end

if #verdicts > 0 then
  if nameCount > 0 then
    cost = costOf(cost, nameCount)
    call('XADD', prefix .. 'names', idOf(through), 'k', concat(names), 'b', cost)
    state.bytes = state.bytes + cost
  end
  local sets = {}
  for _, key in ipairs(order) do
    local stored = pending[key]
    if stored then
      sets[#sets + 1], sets[#sets + 2] = key, stored
      if #sets >= UNPACK_MAX then
        call('MSET', unpack(sets))
        sets = {}
      end
    else
      call('UNLINK', key)
    end
  end
  if #sets > 0 then call('MSET', unpack(sets)) end
  state.position, state.offset, state.journal, state.digest = through, ARGV[7], ARGV[8], ARGV[9]
  if lacking then state.offset, state.digest = stoppedBefore(#verdicts + 1) end
  call('HSET', KEYS[1], 'position', text(through), 'offset', state.offset, 'journal', state.journal,
    'digest', state.digest, 'floor', text(state.floor), 'refusedFrom', text(state.refusedFrom),
    'bytes', text(state.bytes))
end
return { who, lacking and 'needs-fill' or 'applied', seen(state), concat(verdicts), lacking or {} }
