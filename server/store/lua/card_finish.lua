-- Write down what became of a card and let go of it, if it is still this courier's.
-- KEYS: due, sending, card, undelivered.
-- ARGV: member, until (as taken), place, row ('' to forget it), when it is due again ('' if not), now, given up (1, 0).
-- Returns when it is due again, 0 if it is not, -1 where another courier has it now (then nothing is written).
local member, place, row, again, now = ARGV[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local held = redis.call('ZSCORE', KEYS[2], member)
if not held or tonumber(held) ~= tonumber(ARGV[2]) then return -1 end

if row == '' then
  redis.call('HDEL', KEYS[3], place)
else
  redis.call('HSET', KEYS[3], place, row)
end
redis.call('ZREM', KEYS[2], member)
if ARGV[7] == '1' then
  redis.call('ZADD', KEYS[4], now, member)
  redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -1001)
else
  redis.call('ZREM', KEYS[4], member)
end
if again == '' then
  if not redis.call('ZSCORE', KEYS[1], member) then return 0 end
  again = 1 -- the alert changed meanwhile: ahead of all others, as somebody may wait for it
end
redis.call('ZADD', KEYS[1], again, member)
return tonumber(again)
