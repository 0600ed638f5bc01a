-- Keep a digest and make its cards due, unless it is there already.
-- KEYS: digest, due.  ARGV: sealed digest, for how many milliseconds it is kept, when its cards are due, members of due.
-- Returns 1, or 0 where somebody else has made it.
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
for at = 4, #ARGV do redis.call('ZADD', KEYS[2], ARGV[3], ARGV[at]) end
return 1
