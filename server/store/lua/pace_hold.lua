-- Let nothing through before a moment that the platform named.
-- KEYS: one a limit.  ARGV: now, the moment, then of each limit interval and burst.
local now, moment = tonumber(ARGV[1]), tonumber(ARGV[2])
for i, key in ipairs(KEYS) do
  local full = moment + (tonumber(ARGV[2 * i + 2]) - 1) * tonumber(ARGV[2 * i + 1])
  if full > tonumber(redis.call('GET', key) or '0') then
    redis.call('SET', key, string.format('%.0f', full), 'PX', string.format('%.0f', full - now + 60000))
  end
end
return 1
