-- Change a message that no courier has.
-- KEYS: due, sending, record, index of its state before, index of its state after.
-- ARGV: delivery id, the row believed, the new row, when it is due ('' if not), now, for how long the record is kept
--   (0: for good), how many the index of its state holds.
-- Returns 1, or 0 where a courier has it or its row is another.
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then return 0 end
if redis.call('GET', KEYS[3]) ~= ARGV[2] then return 0 end
if ARGV[6] == '0' then
  redis.call('SET', KEYS[3], ARGV[3])
else
  redis.call('SET', KEYS[3], ARGV[3], 'PX', ARGV[6])
end
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('ZADD', KEYS[5], ARGV[5], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[5], 0, -1 - tonumber(ARGV[7]))
if ARGV[4] == '' then redis.call('ZREM', KEYS[1], ARGV[1]) else redis.call('ZADD', KEYS[1], ARGV[4], ARGV[1]) end
return 1
