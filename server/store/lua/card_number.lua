-- Number cards of a place's hour, each once however often it is asked for.
-- KEYS: the hour, a hash of numbers by alert.  ARGV: milliseconds that the hour is kept, then the alerts.
-- Returns the alerts' numbers, from 1 on.
local numbers, last = {}, redis.call('HLEN', KEYS[1])
for i = 2, #ARGV do
  local number = redis.call('HGET', KEYS[1], ARGV[i])
  if not number then
    last = last + 1
    number = last
    redis.call('HSET', KEYS[1], ARGV[i], number)
  end
  numbers[i - 1] = tonumber(number)
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return numbers
