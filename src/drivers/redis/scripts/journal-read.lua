#!lua flags=no-writes
-- Blocks of the stream after an offset, of the same moment as what says how far it goes.
--
-- KEYS[1] state
-- ARGV[1] offset  ARGV[2] positions, about  ARGV[3] bytes, about: whole blocks, at least one where there is one
--
-- Returns { trimmed through, end or '', id, bytes, id, bytes, … }
local BLOCKS_MAX = 512
local state = load(prefixOf(KEYS[1]))
local after, positions, bytesMax = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local answer = { text(state.trimmed), state.position and text(state.position) or '' }
if after < state.trimmed then return answer end
local at, bytes, blocks, ask = after, 0, 0, 1
while true do
  local some = call('XRANGE', state.prefix .. 'log', '(' .. idOf(at), '+', 'COUNT', ask)
  for _, block in ipairs(some) do
    answer[#answer + 1] = block[1]
    answer[#answer + 1] = block[2][2]
    bytes = bytes + #block[2][2]
    at = positionOf(block[1])
  end
  blocks = blocks + #some
  if #some < ask or bytes >= bytesMax or at - after >= positions then break end
  -- As many more as are about right, were they all like those before.
  local byBytes = (bytesMax - bytes) / (bytes / blocks)
  local byPositions = (positions - (at - after)) / ((at - after) / blocks)
  ask = math.max(1, math.min(BLOCKS_MAX, math.ceil(math.min(byBytes, byPositions))))
end
return answer
