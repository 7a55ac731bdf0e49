#!lua flags=allow-oom
-- Moves the release cursor: values that are landed get a TTL (the policy volatile-* may take them before), and the
-- floor is raised to the cursor. A value that a later write replaced stays, and so does one that is held.
--
-- KEYS[1] state
-- ARGV[1] replicas wanted  ARGV[2] identity  ARGV[3] position up to which all is landed  ARGV[4] TTL in ms
-- ARGV[5] writes of one call, about  ARGV[6] '1' = blocks are given back too (a front without a journal in it)
--
-- Returns { identity, live replicas, seen, more }; more = 1: not there yet, call again
local who, live = identity(tonumber(ARGV[1]))
local state = load(prefixOf(KEYS[1]))
if who ~= ARGV[2] or not state.position then return { who, live, seen(state), 0 } end
local to, ttl, budget = math.min(tonumber(ARGV[3]), state.position), tonumber(ARGV[4]), tonumber(ARGV[5])
local log, holds = state.prefix .. 'log', state.prefix .. 'holds'
sweep(state, nowMs(), ttl, budget)
local hasHolds = call('EXISTS', holds) == 1

local function each(name)
  local key = state.values .. name
  local version = headOf(key)
  if version and version <= to and not (hasHolds and call('ZSCORE', holds, name)) then
    call('PEXPIRE', key, ttlOf(ttl, version))
  end
end

local moved, more = false, 0
while state.released < to do
  local block = call('XRANGE', log, '(' .. idOf(state.released), '+', 'COUNT', 1)[1]
  if not block then break end
  local at = positionOf(block[1])
  if at > to then break end
  if budget <= 0 then
    more = 1
    break
  end
  local writes = eachName(block[2], each)
  budget = budget - writes - 1
  state.released, moved = at, true
  state.bytes = math.max(0, state.bytes - costOfBlock(block[2], writes))
end
if moved then
  state.floor = math.max(state.floor, state.released)
  call('HSET', KEYS[1], 'released', text(state.released), 'floor', text(state.floor), 'bytes', text(state.bytes))
  if ARGV[6] == '1' then call('XTRIM', log, 'MINID', idOf(state.released + 1)) end
end
return { who, live, seen(state), more }
