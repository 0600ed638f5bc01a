-- End a submission that waits without publishing it.
-- KEYS: waiting, submission.  ARGV: id, submission as it is then, milliseconds to remember it.
-- Returns 1, or 0 where it does not wait any more.
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return 1
