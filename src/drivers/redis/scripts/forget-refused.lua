#!lua flags=allow-oom
-- Forgets refused positions up to one that is landed and trimmed.
--
-- KEYS[1] state   ARGV[1] identity  ARGV[2] position
--
-- Returns 1 = done, 0 = another identity or missing
local state = load(prefixOf(KEYS[1]))
if identity(0) ~= ARGV[1] or not state.position then return 0 end
call('ZREMRANGEBYSCORE', state.prefix .. 'refused', '-inf', ARGV[2])
call('HSET', KEYS[1], 'refusedFrom', text(math.max(state.refusedFrom, tonumber(ARGV[2]))))
return 1
