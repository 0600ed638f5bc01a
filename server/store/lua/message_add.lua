-- Put a message on its way, unless it is known already.
-- KEYS: record, due, index of its state, index of its contact.
-- ARGV: delivery id, row, when it is due, when it was made, how many the contact's index holds.
-- Returns 1, or 0 where there is a record of it.
if not redis.call('SET', KEYS[1], ARGV[2], 'NX') then return 0 end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1])
redis.call('ZADD', KEYS[4], ARGV[4], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -1 - tonumber(ARGV[5]))
return 1
