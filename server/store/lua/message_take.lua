-- Take messages for one courier until a moment: those a dead courier left first, then those that are due.
-- Within a millisecond the fractions of the moments tell which goes first.
-- KEYS: due, sending.  ARGV: now, until, how many, prefix of the keys of deliveries.
-- Returns delivery id and row of each; and when the next one is due (0 where none is).
local now, limit, taken = tonumber(ARGV[1]), tonumber(ARGV[3]), {}

local function take(id)
  redis.call('ZREM', KEYS[1], id)
  local row = redis.call('GET', ARGV[4] .. id)
  if row then
    redis.call('ZADD', KEYS[2], ARGV[2], id)
    taken[#taken + 1] = { id, row }
  else -- erased
    redis.call('ZREM', KEYS[2], id)
  end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, limit)) do take(id) end
if #taken < limit then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. now + 1, 'LIMIT', 0, limit - #taken)) do take(id) end
end
local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return { taken, next[2] and math.floor(tonumber(next[2])) or 0 }
