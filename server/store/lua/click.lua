-- Note that a link of a message was followed, to count it in a moment, unless a program follows them all.
-- KEYS: links of the message that were followed, clicks by when they count, records of clicks.
-- ARGV: delivery id, link, now, milliseconds within which only a program follows as many, how many that is (0: any
--   number may be a person), when the click counts, its record, for how long this is remembered (milliseconds).
-- Returns 1 where it is to count, else 0.
local delivery, link, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
if redis.call('HEXISTS', KEYS[1], '*') == 1 then return 0 end
redis.call('HSET', KEYS[1], link, now)
redis.call('PEXPIRE', KEYS[1], ARGV[8])
local followed = redis.call('HGETALL', KEYS[1])
local together = 0
for i = 2, #followed, 2 do
  if now - tonumber(followed[i]) <= tonumber(ARGV[4]) then together = together + 1 end
end
if tonumber(ARGV[5]) > 0 and together >= tonumber(ARGV[5]) then
  redis.call('HSET', KEYS[1], '*', now)
  for i = 1, #followed, 2 do
    redis.call('ZREM', KEYS[2], delivery .. ':' .. followed[i])
    redis.call('HDEL', KEYS[3], delivery .. ':' .. followed[i])
  end
  return 0
end
local member = delivery .. ':' .. link
redis.call('ZADD', KEYS[2], 'NX', ARGV[6], member)
redis.call('HSETNX', KEYS[3], member, ARGV[7])
return 1
