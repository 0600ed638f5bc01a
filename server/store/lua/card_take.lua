-- Take cards for one courier until a moment: those a dead courier left first, then those that are due.
-- KEYS: due, sending.  ARGV: now, until, how many, prefix of the keys of cards, prefix of the keys of alerts.
-- Returns of each card: member, 1 where a courier died over it, its row, its alert ('' where there is none);
-- and when the next one is due (0 where none is).
local now, limit, taken = tonumber(ARGV[1]), tonumber(ARGV[3]), {}

local function take(member, died)
  local alert, place = string.match(member, '^card:([^:]*):(.*)$')
  if not alert then -- of a kind that this version does not know
    return redis.call('ZADD', KEYS[1], now + 60000, member)
  end
  redis.call('ZREM', KEYS[1], member)
  redis.call('ZADD', KEYS[2], ARGV[2], member)
  local row = redis.call('HGET', ARGV[4] .. alert, place) or ''
  taken[#taken + 1] = { member, died, row, redis.call('GET', ARGV[5] .. alert) or '' }
end

for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, limit)) do
  take(member, 1)
end
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, limit)
for _, member in ipairs(due) do
  if #taken >= limit then break end
  local busy = redis.call('ZSCORE', KEYS[2], member)
  if busy then -- another courier has it: come back when it must be done; its finish calls earlier
    redis.call('ZADD', KEYS[1], busy, member)
  else
    take(member, 0)
  end
end
local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return { taken, next[2] and tonumber(next[2]) or 0 }
