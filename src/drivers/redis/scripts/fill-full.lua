#!lua flags=no-writes
-- The comparison of fill.lua where Redis takes no writes (memory or disk full): what may be taken is exact, and its
-- reader gets it, but it is not kept.
--
-- KEYS[1] state
-- ARGV[1] replicas wanted  ARGV[2] identity  ARGV[3] position  ARGV[4] .. names
--
-- Returns { identity, live replicas, seen, one per name: 1 = may be taken, 0 = not, or the bytes that are held }
local who, live = identity(tonumber(ARGV[1]))
local state = load(prefixOf(KEYS[1]))
local position = tonumber(ARGV[3])
local takes = state.position and who == ARGV[2] and state.floor <= position and position <= state.position
local rows = held(state.position and state.values, 4, #ARGV)
for i = 1, #rows do
  if not rows[i] then rows[i] = takes and 1 or 0 end
end
return { who, live, stored(state), rows }
