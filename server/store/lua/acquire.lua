-- Take a lease that is free, or change the token of one that is ours.
-- KEYS: lease.  ARGV: new token, our token of before, milliseconds.  Returns 1, or 0 where another engine has it.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1
