-- Number the cards of a place's hour, each once however often it is asked for.
-- KEYS: the hour, a hash of numbers by alert.  ARGV: alert, milliseconds that the hour is kept.
-- Returns the alert's number, from 1 on.
local number = redis.call('HGET', KEYS[1], ARGV[1])
if not number then
  number = redis.call('HLEN', KEYS[1]) + 1
  redis.call('HSET', KEYS[1], ARGV[1], number)
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return tonumber(number)
