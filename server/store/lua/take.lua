-- Take a chat platform's request in, unless it has been taken before.
-- KEYS: seen, inbox.  ARGV: milliseconds to remember it, id, sealed request.
-- Returns 1, or 0 where it was seen.
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return 0 end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
return 1
