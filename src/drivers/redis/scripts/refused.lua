#!lua flags=no-writes
-- Which positions were refused.
--
-- KEYS[1] state   ARGV[1] replicas wanted  ARGV[2] .. positions
--
-- Returns { identity, live replicas, seen, one per position: 1 = refused }
local who, live = identity(tonumber(ARGV[1]))
local state = load(prefixOf(KEYS[1]))
local refused = {}
for i = 2, #ARGV do
  refused[i - 1] = call('ZSCORE', state.prefix .. 'refused', ARGV[i]) and 1 or 0
end
return { who, live, stored(state), refused }
