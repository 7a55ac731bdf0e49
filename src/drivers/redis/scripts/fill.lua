#!lua
-- Offers rows that the database had at a position. A row is taken only if its key is not held and floor ≤ that
-- position ≤ through; what is taken is landed, and gets its TTL at once.
--
-- KEYS[1] state
-- ARGV[1] replicas wanted  ARGV[2] identity  ARGV[3] position  ARGV[4] TTL in ms
-- ARGV[5] .. for each row: name, value with its header
--
-- Returns { identity, live replicas, seen, one per row: 1 = taken, 0 = not held, or the bytes that are held }
local who, live = identity(tonumber(ARGV[1]))
local state = load(prefixOf(KEYS[1]))
local position, ttl = tonumber(ARGV[3]), tonumber(ARGV[4])
local rows = {}
if state.position then
  local takes = who == ARGV[2] and state.floor <= position and position <= state.position
  for i = 5, #ARGV, 2 do
    local key = state.values .. ARGV[i]
    local there = call('GET', key)
    if there then rows[#rows + 1] = there
    elseif takes then
      local _, version = readHeader(ARGV[i + 1])
      call('SET', key, ARGV[i + 1], 'PX', ttlOf(ttl, version))
      rows[#rows + 1] = 1
    else rows[#rows + 1] = 0 end
  end
else
  for _ = 5, #ARGV, 2 do rows[#rows + 1] = 0 end
end
return { who, live, stored(state), rows }
