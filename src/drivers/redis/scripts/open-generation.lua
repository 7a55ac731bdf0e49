#!lua flags=allow-oom
-- Opens a generation: empties the partition unless its values are kept, appends the opening entry, and stores who
-- answers now. Does nothing unless the fence is this very generation and it is not open yet.
--
-- KEYS[1] state
-- ARGV[1] generation  ARGV[2] '1' = keep values  ARGV[3] replicas wanted
-- ARGV[4] id of the opening entry  ARGV[5] the opening entry as bytes  ARGV[6] .. a fold, as shared.lua's start reads it
--
-- Returns { identity, live replicas, seen }; seen tells whether it was opened. Fewer live replicas than wanted:
-- nothing was done
local generation, keep, wanted = tonumber(ARGV[1]), ARGV[2] == '1', tonumber(ARGV[3])
local who, live = identity(wanted)
local state = load(prefixOf(KEYS[1]))
if live < wanted or state.fence ~= generation or state.generation >= generation then
  return { who, live, stored(state) }
end

local opening = generation * COUNT_SPAN
if not keep or not state.position then
  local trimmed = math.max(state.position or state.trimmed, tonumber(ARGV[7]))
  empty(state)
  start(state, 6)
  call('HSET', KEYS[1], 'trimmed', text(trimmed))
end
call('XADD', state.prefix .. 'log', idOf(opening), 'e', ARGV[5])
-- All that a void of an older generation could name is void by generation.
call('DEL', state.prefix .. 'voids')
call('HSET', KEYS[1], 'offset', '', 'journal', '', 'digest', '', 'generation', text(generation), 'openedFor', who, 'position', text(opening), 'last', ARGV[4])
if not keep then call('HSET', KEYS[1], 'floor', text(opening), 'released', text(opening), 'landed', text(opening)) end
return { who, live, stored(load(state.prefix)) }
