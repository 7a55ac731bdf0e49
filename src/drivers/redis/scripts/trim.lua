#!lua flags=allow-oom
-- Forgets blocks of the stream up to an offset, never past what release.lua knows to be landed, and so many positions in one call that Redis does nothing else for some milliseconds at most.
--
-- KEYS[1] state   ARGV[1] offset  ARGV[2] positions of one call
--
-- Returns more: 1 = not there yet, call again
local state = load(prefixOf(KEYS[1]))
local log, to = state.prefix .. 'log', math.min(tonumber(ARGV[1]), state.landed)
local first = call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
if not first or positionOf(first[1]) > to then return 0 end
local target = math.min(to, positionOf(first[1]) + tonumber(ARGV[2]))
local trimmed = positionOf(call('XREVRANGE', log, idOf(target), '-', 'COUNT', 1)[1][1])
call('XTRIM', log, 'MINID', idOf(trimmed + 1))
call('HSET', KEYS[1], 'trimmed', text(math.max(state.trimmed, trimmed)))
return target < to and 1 or 0
