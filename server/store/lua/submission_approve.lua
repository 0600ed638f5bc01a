-- Publish a submission that waits as the version after its base, once.
-- KEYS: waiting, submission, current version, the new version.
-- ARGV: id, base, version, record of the version, submission as it is then, milliseconds to remember it.
-- Returns 1, 0 where it does not wait any more, -1 where the base has moved on.
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
if (redis.call('GET', KEYS[3]) or '0') ~= ARGV[2] then return -1 end
redis.call('SET', KEYS[4], ARGV[4])
redis.call('SET', KEYS[3], ARGV[3])
redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[6])
redis.call('ZREM', KEYS[1], ARGV[1])
return 1
