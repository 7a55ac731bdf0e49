#!lua flags=allow-oom
-- Gives back values of older epochs, which nothing reaches any more, and the names by which they are found.
--
-- KEYS[1] state   ARGV[1] keys of one call, about
--
-- Returns more: 1 = there is more, call again
local state = load(prefixOf(KEYS[1]))
local budget = tonumber(ARGV[1])
while budget > 0 do
  local epoch = call('LINDEX', state.prefix .. 'old', 0)
  if not epoch then return 0 end
  local old, holds = state.prefix .. 'old:' .. epoch, state.prefix .. 'oldHolds:' .. epoch
  local values = state.prefix .. 'v' .. epoch .. ':'
  local function each(name)
    call('UNLINK', values .. name)
  end
  local block = call('XRANGE', old, '-', '+', 'COUNT', 1)[1]
  if block then
    budget = budget - eachName(block, each) - 1
    call('XDEL', old, block[1])
  else
    local names = call('ZPOPMIN', holds, 100)
    for i = 1, #names, 2 do each(names[i]) end
    budget = budget - #names - 1
    if #names == 0 then
      call('DEL', old)
      call('LPOP', state.prefix .. 'old')
    end
  end
end
return 1
