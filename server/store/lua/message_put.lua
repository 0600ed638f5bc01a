-- Keep a message template, or forget it, if nobody has changed it since it was read.
-- KEYS: templates, changes.  ARGV: field, revision as it was read (0: there is none), the next one and the template
-- as they are kept ("": forget it).
-- Returns 1, or 0 where it was changed.
local there = redis.call('HGET', KEYS[1], ARGV[1])
local revision = there and string.match(there, '^%d+') or '0'
if revision ~= ARGV[2] then return 0 end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
redis.call('INCR', KEYS[2])
return 1
