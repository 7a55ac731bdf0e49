#!lua flags=allow-oom
-- Says whose stream this namespace holds.
--
-- KEYS[1] state of partition 0   ARGV[1] a name   ARGV[2] '1' = put it in place of any other
--
-- Returns the name that stands now
local key = prefixOf(KEYS[1]) .. 'owner'
if ARGV[2] == '1' then
  call('SET', key, ARGV[1])
else
  call('SETNX', key, ARGV[1])
end
return call('GET', key)
