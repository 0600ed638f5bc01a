-- Keep a draft, if nobody has changed it since it was read.
-- KEYS: revisions, drafts, touched.  ARGV: person, revision as it was read, the next one, draft, touched.
-- Returns 1, or 0 where it was changed.
if (redis.call('HGET', KEYS[1], ARGV[1]) or '0') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[4])
redis.call('HSET', KEYS[3], ARGV[1], ARGV[5])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
