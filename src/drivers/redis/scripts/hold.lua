#!lua flags=allow-oom
-- Keeps keys that are held from being released until a time, and reads them. A held key has no TTL, so that neither
-- time nor eviction takes it; the next hold or release after its time gives a landed one its TTL back.
--
-- KEYS[1] state
-- ARGV[1] replicas wanted  ARGV[2] for how many ms  ARGV[3] holds of a partition, at most  ARGV[4] TTL in ms
-- ARGV[5] .. names (collection:key)
--
-- Returns { identity, live replicas, seen, values }; beyond the bound it answers without holding
local who, live = identity(tonumber(ARGV[1]))
local state = load(prefixOf(KEYS[1]))
local holds, now = state.prefix .. 'holds', nowMs()
local ttl, room = tonumber(ARGV[4]), tonumber(ARGV[3])
sweep(state, now, ttl, 2 * #ARGV)
room = room - call('ZCARD', holds)
local values = held(state.position and state.values, 5, #ARGV)
for i = 1, #values do
  if values[i] and room > 0 then
    local key = state.values .. ARGV[i + 4]
    room = room - call('ZADD', holds, 'GT', text(now + tonumber(ARGV[2])), ARGV[i + 4])
    call('PERSIST', key)
  end
end
return { who, live, stored(state), values }
