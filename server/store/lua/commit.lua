-- Write everything that a batch of a partition's log changes, or nothing.
-- KEYS: lease, cursor.  ARGV: the writer's token, the cursor it believes in, the new cursor,
-- then commands, each as its length and its words. All keys lie in the partition's slot.
-- Returns 1, or 0 where the lease is lost, -1 where the cursor is another.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if (redis.call('GET', KEYS[2]) or '0-0') ~= ARGV[2] then return -1 end
local at, last = 4, #ARGV
while at <= last do
  local length = tonumber(ARGV[at])
  local command = {}
  for i = 1, length do command[i] = ARGV[at + i] end
  redis.call(unpack(command))
  at = at + length + 1
end
if ARGV[3] ~= ARGV[2] then redis.call('SET', KEYS[2], ARGV[3]) end
return 1
