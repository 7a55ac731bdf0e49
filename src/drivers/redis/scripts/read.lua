#!lua flags=no-writes
-- Reads keys of one partition, or of several where one server has them all (a cluster is asked one by one).
--
-- KEYS[i] state of the i-th partition
-- ARGV[1] replicas wanted, then for each partition: the number of names, the names (collection:key)
--
-- Returns { identity, live replicas, seen 1, values 1, seen 2, values 2, … }
local who, live = identity(tonumber(ARGV[1]))
local answer, at = { who, live }, 2
for i = 1, #KEYS do
  local seen, values = glance(prefixOf(KEYS[i]))
  local count = tonumber(ARGV[at])
  answer[2 * i + 1] = seen
  answer[2 * i + 2] = count == 0 and {} or held(values, at + 1, at + count)
  at = at + 1 + count
end
return answer
