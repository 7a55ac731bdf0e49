#!lua flags=no-writes
-- The fold state of a partition without its rows, of one moment.
--
-- KEYS[1] state   ARGV[1] replicas wanted
--
-- Returns { identity, live replicas, seen, { id, position, … }, { collection, position, … }, { position, … } }:
--         voids and refused in ascending positions, seals in any order
local who, live = identity(tonumber(ARGV[1]))
local state = load(prefixOf(KEYS[1]))
return {
  who, live, stored(state),
  call('ZRANGE', state.prefix .. 'voids', 0, -1, 'WITHSCORES'),
  call('HGETALL', state.prefix .. 'seals'),
  call('ZRANGE', state.prefix .. 'refused', 0, -1),
}
