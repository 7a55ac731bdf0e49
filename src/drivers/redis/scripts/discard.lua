#!lua flags=allow-oom
-- Forgets a partition, so that it is missing. Does nothing for who names another store.
--
-- KEYS[1] state   ARGV[1] identity
--
-- Returns { identity, seen }
local who = identity(0)
local state = load(prefixOf(KEYS[1]))
if who == ARGV[1] and state.position then empty(state) end
return { who, seen(load(state.prefix)) }
