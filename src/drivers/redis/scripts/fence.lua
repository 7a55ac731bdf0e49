#!lua flags=allow-oom
-- Closes a partition to writers of generations below a given one.
--
-- KEYS[1] state   ARGV[1] generation
--
-- Returns the fence that stands now, as text; above the given one, another process raises further
local state = load(prefixOf(KEYS[1]))
local fence = math.max(state.fence, tonumber(ARGV[1]))
call('HSET', KEYS[1], 'fence', text(fence))
return text(fence)
