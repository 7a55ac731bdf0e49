#!lua flags=allow-oom
-- Takes away one value if it is landed, and raises the floor to it.
--
-- KEYS[1] state
-- ARGV[1] identity  ARGV[2] name (collection:key)  ARGV[3] position up to which all is landed
--
-- Returns 1 = it is not held any more; 0 = another identity, or it is not landed
local who = identity(0)
local state = load(prefixOf(KEYS[1]))
if who ~= ARGV[1] then return 0 end
local key = state.values .. ARGV[2]
local version = headOf(key)
if not version then return 1 end
if version > tonumber(ARGV[3]) then return 0 end
call('UNLINK', key)
call('HSET', KEYS[1], 'floor', text(math.max(state.floor, version)))
return 1
