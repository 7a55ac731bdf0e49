#!lua flags=allow-oom
-- Appends one control entry (void, seal or marker) to a partition. It takes effect wherever it lands, and goes in
-- past the bound of memory: without it nothing could be settled when that is full.
--
-- KEYS[1] state
-- ARGV[1] identity  ARGV[2] generation  ARGV[3] replicas wanted  ARGV[4] ageMax
-- ARGV[5] 'void', 'seal' or 'marker'  ARGV[6] the voided entry, the sealed collection, or ''
-- ARGV[7] the entry's id  ARGV[8] the entry as bytes
--
-- Returns { identity, live replicas, 'fenced' or 'replicas' or 'written', seen }; written: at the position in seen,
-- else nothing was done
local wanted = tonumber(ARGV[3])
local who, live = identity(wanted)
local state = load(prefixOf(KEYS[1]))
if fenced(state, who, ARGV[1], tonumber(ARGV[2])) then return { who, live, 'fenced', stored(state) } end
if live < wanted then return { who, live, 'replicas', stored(state) } end

local prefix, kind, at = state.prefix, ARGV[5], state.position + 1
call('XADD', prefix .. 'log', idOf(at), 'e', ARGV[8])
-- The first void of an entry counts, and the first seal of a collection.
if kind == 'void' then call('ZADD', prefix .. 'voids', 'NX', text(at), ARGV[6])
elseif kind == 'seal' then call('HSETNX', prefix .. 'seals', ARGV[6], text(at)) end
call('ZREMRANGEBYSCORE', prefix .. 'voids', '-inf', '(' .. text(at - tonumber(ARGV[4])))
local f = state.fields
f[POSITION], f[LAST] = text(at), ARGV[7]
call('HSET', KEYS[1], 'position', f[POSITION], 'last', f[LAST])
return { who, live, 'written', stored(state) }
