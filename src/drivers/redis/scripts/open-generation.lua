#!lua flags=allow-oom
-- Opens a generation: empties the partition unless its values are kept, appends the opening entry, and stores who
-- answers now. Does nothing unless the store that was compared answers, the fence is this very generation and it is not
-- open yet.
--
-- KEYS[1] state
-- ARGV[1] identity  ARGV[2] generation  ARGV[3] '1' = keep values  ARGV[4] replicas wanted
-- ARGV[5] id of the opening entry  ARGV[6] the opening entry as bytes  ARGV[7] .. a fold, as shared.lua's start reads it
--
-- Returns { identity, live replicas, seen }; seen tells whether it was opened. Fewer live replicas than wanted:
-- nothing was done
local generation, keep, wanted = tonumber(ARGV[2]), ARGV[3] == '1', tonumber(ARGV[4])
local who, live = identity(wanted)
local state = load(prefixOf(KEYS[1]))
if who ~= ARGV[1] or live < wanted or state.fence ~= generation or state.generation >= generation then
  return { who, live, stored(state) }
end

local opening = generation * COUNT_SPAN
if not keep or not state.position then
  local trimmed = math.max(state.position or state.trimmed, tonumber(ARGV[8]))
  empty(state)
  start(state, 7)
  call('HSET', KEYS[1], 'trimmed', text(trimmed))
end
call('XADD', state.prefix .. 'log', idOf(opening), 'e', ARGV[6])
-- All that a void of an older generation could name is void by generation.
call('DEL', state.prefix .. 'voids')
call('HSET', KEYS[1], 'offset', '', 'journal', '', 'digest', '', 'generation', text(generation), 'openedFor', who, 'position', text(opening), 'last', ARGV[5])
if not keep then call('HSET', KEYS[1], 'floor', text(opening), 'released', text(opening), 'landed', text(opening)) end
return { who, live, stored(load(state.prefix)) }
