-- Change what is known of a card that no courier has, and make it due.
-- KEYS: due, sending, card.  ARGV: member, place, the row believed, the new row, now.
-- Returns 1, or 0 where a courier has the card or its row is another.
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then return 0 end
if redis.call('HGET', KEYS[3], ARGV[2]) ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[3], ARGV[2], ARGV[4])
redis.call('ZADD', KEYS[1], ARGV[5], ARGV[1])
return 1
