-- Reserve the next moment that every limit allows (generic cell rate algorithm, ITU-T I.371).
-- KEYS: one a limit: the moment at which its bucket is full again.  ARGV: now, then of each limit interval and burst.
-- Returns the moment, now or later.
local now = tonumber(ARGV[1])
local slot, full = now, {}
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  full[i] = tonumber(redis.call('GET', key) or '0')
  slot = math.max(slot, full[i] - (burst - 1) * interval)
end
for i, key in ipairs(KEYS) do
  local next = math.max(full[i], slot) + tonumber(ARGV[2 * i])
  redis.call('SET', key, string.format('%.0f', next), 'PX', string.format('%.0f', next - now + 60000))
end
return slot
