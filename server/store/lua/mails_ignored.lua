-- Tell the log of mails that nobody opened, each once.
-- KEYS: unread mails, log.
-- ARGV: for each mail its member among the unread, its contact, the sealed entry.
-- Returns how many it told of.
local told = 0
for i = 1, #ARGV, 3 do
  if redis.call('ZREM', KEYS[1], ARGV[i]) == 1 then
    redis.call('XADD', KEYS[2], '*', 'c', ARGV[i + 1], 'e', ARGV[i + 2])
    told = told + 1
  end
end
return told
