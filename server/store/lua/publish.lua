-- Make a version of the rulebook the current one, if its base still is.
-- KEYS: current, the new version.  ARGV: base, version, record.
-- Returns 1, or 0 where the base has moved on.
if (redis.call('GET', KEYS[1]) or '0') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[3])
redis.call('SET', KEYS[1], ARGV[2])
return 1
