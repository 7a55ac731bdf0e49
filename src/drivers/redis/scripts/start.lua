#!lua flags=allow-oom
-- Starts a missing partition at a copy of a fold, without values: floor = through. Does nothing if it is there.
--
-- KEYS[1] state   ARGV[1] .. a fold, as shared.lua's start reads it
--
-- Returns { identity, seen }
local state = load(prefixOf(KEYS[1]))
if not state.position then
  empty(state)
  start(state, 1)
end
return { identity(0), seen(load(state.prefix)) }
