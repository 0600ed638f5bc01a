-- Count the clicks whose moment has come: they go into the log, and their mails are not unread any more.
-- KEYS: clicks by when they count, records of clicks, log, unread mails.
-- ARGV: now, how many at most.
-- Returns how many there were.
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, member in ipairs(due) do
  local record = redis.call('HGET', KEYS[2], member)
  redis.call('ZREM', KEYS[1], member)
  redis.call('HDEL', KEYS[2], member)
  if record then
    local first = string.find(record, '\n', 1, true)
    local second = string.find(record, '\n', first + 1, true)
    redis.call('ZREM', KEYS[4], string.sub(record, first + 1, second - 1))
    redis.call('XADD', KEYS[3], '*', 'c', string.sub(record, 1, first - 1), 'e', string.sub(record, second + 1))
  end
end
return #due
