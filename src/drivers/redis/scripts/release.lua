#!lua flags=allow-oom
-- Takes note of what is landed, and lets go of it as memory needs.
--
--   names   ── given back ──┤ released ── landed, no TTL ──┤ landed ── not landed ──┤ through
--
--   1. what is landed is not counted as a burden any more (`bytes`)
--   2. asked to, or where many names wait: landed values get a TTL (the policy volatile-* may take them before), and
--      the floor is raised to the last of them. A value that a later write replaced stays, and so does one that is held
--
-- The second step costs Redis as much as the write did, and a value that is written again soon never needs it: so it
-- waits until memory is wanted.
--
-- KEYS[1] state
-- ARGV[1] replicas wanted  ARGV[2] identity  ARGV[3] position up to which all is landed  ARGV[4] TTL in ms
-- ARGV[5] writes of one call, about  ARGV[6] positions that may wait between released and landed
--
-- Returns { identity, live replicas, seen, more }; more = 1: not there yet, call again
local BLOCKS = 64
local who, live = identity(tonumber(ARGV[1]))
local state = load(prefixOf(KEYS[1]))
if who ~= ARGV[2] or not state.position then return { who, live, stored(state), 0 } end
local to, ttl, budget = math.min(tonumber(ARGV[3]), state.position), tonumber(ARGV[4]), tonumber(ARGV[5])
local names, holds = state.prefix .. 'names', state.prefix .. 'holds'
sweep(state, nowMs(), ttl, budget)

-- Calls `each` with the blocks after a position up to another, while the budget lasts; where it has come to then.
local function walk(from, upTo, each)
  while from < upTo and budget > 0 do
    local blocks = call('XRANGE', names, '(' .. idOf(from), idOf(upTo), 'COUNT', BLOCKS)
    for _, block in ipairs(blocks) do
      if budget <= 0 then return from end
      each(block)
      from = positionOf(block[1])
    end
    if #blocks < BLOCKS then return upTo end
  end
  return from
end

state.landed = walk(state.landed, to, function(block)
  state.bytes = math.max(0, state.bytes - tonumber(block[2][4]))
  budget = budget - 1
end)

local hasHolds = call('EXISTS', holds) == 1
local function letGo(name)
  local key = state.values .. name
  local version = headOf(key)
  if version and version <= state.landed and not (hasHolds and call('ZSCORE', holds, name)) then
    call('PEXPIRE', key, ttlOf(ttl, version))
  end
end
local target = state.landed - tonumber(ARGV[6])
if state.released < target then
  state.released = walk(state.released, target, function(block)
    budget = budget - eachName(block, letGo)
  end)
  state.floor = math.max(state.floor, state.released)
  call('XTRIM', names, 'MINID', idOf(state.released + 1))
end
call('HSET', KEYS[1], 'landed', text(state.landed), 'released', text(state.released), 'floor', text(state.floor),
  'bytes', text(state.bytes))
return { who, live, seen(state), (state.landed < to or state.released < target) and 1 or 0 }
