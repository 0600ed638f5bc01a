-- Take tokens out of a bucket.
-- KEYS: the bucket, a hash of `t` thousandths of a token and `m` the moment of that.
-- ARGV: need, ask (at least need), rate a second, burst, now in milliseconds.
-- Returns the tokens taken and 0, or 0 and the milliseconds until the need can be met.
local need, ask = tonumber(ARGV[1]), tonumber(ARGV[2])
local rate, burst, now = tonumber(ARGV[3]), tonumber(ARGV[4]) * 1000, tonumber(ARGV[5])
local held = redis.call('HMGET', KEYS[1], 't', 'm')
local tokens, moment = tonumber(held[1]) or burst, tonumber(held[2]) or now
if now < moment then now = moment end
tokens = math.min(burst, tokens + (now - moment) * rate)
local enough = math.min(need * 1000, burst)
if tokens < enough then
  return {0, math.ceil((enough - tokens) / rate)}
end
local taken = math.max(need, math.min(ask, math.floor(tokens / 1000)))
tokens = tokens - taken * 1000
redis.call('HSET', KEYS[1], 't', string.format('%.0f', tokens), 'm', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil((burst - tokens) / rate) + 60000)
return {taken, 0}
