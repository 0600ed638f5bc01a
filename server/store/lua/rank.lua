-- Read members of a ranked index, the highest first; equal ones by their ids, the last first.
-- KEYS: the index.  ARGV: how many; then, to begin behind a place that need not be there, its rank and its id.
-- Returns ids and ranks in turn.
local function behind(one, other)
  for at = 1, math.min(#one, #other) do
    local a, b = one:byte(at), other:byte(at)
    if a ~= b then return a < b end
  end
  return #one < #other
end
local first = 0
if ARGV[2] then
  local low = redis.call('ZCOUNT', KEYS[1], '(' .. ARGV[2], '+inf')
  local high = redis.call('ZCOUNT', KEYS[1], ARGV[2], '+inf')
  while low < high do
    local middle = math.floor((low + high) / 2)
    if behind(redis.call('ZREVRANGE', KEYS[1], middle, middle)[1], ARGV[3]) then
      high = middle
    else
      low = middle + 1
    end
  end
  first = low
end
return redis.call('ZREVRANGE', KEYS[1], first, first + ARGV[1] - 1, 'WITHSCORES')
