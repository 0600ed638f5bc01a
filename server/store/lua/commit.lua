-- Write everything that a batch of a partition's log changes, or nothing.
-- KEYS: lease, cursor, what the names of the hashes of contacts begin with.
-- ARGV: the writer's token, the cursor it believes in, the new cursor, the number of contacts; of each its bucket, its
-- id and what it is now; then commands, each as its length and its words. All keys lie in the partition's slot.
-- Returns 1, or 0 where the lease is lost, -1 where the cursor is another.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if (redis.call('GET', KEYS[2]) or '0-0') ~= ARGV[2] then return -1 end
local at, last = 5, #ARGV
for _ = 1, tonumber(ARGV[4]) do
  redis.call('HSET', KEYS[3] .. ARGV[at], ARGV[at + 1], ARGV[at + 2])
  at = at + 3
end
while at <= last do
  local length = tonumber(ARGV[at])
  local command = {}
  for i = 1, length do command[i] = ARGV[at + i] end
  redis.call(unpack(command))
  at = at + length + 1
end
if ARGV[3] ~= ARGV[2] then redis.call('SET', KEYS[2], ARGV[3]) end
return 1
