-- Append entries to the logs of their partitions.
-- KEYS: one log an entry.  ARGV: contact id, sealed entry, for each.
-- Returns the ids given.
local ids = {}
for i, log in ipairs(KEYS) do
  ids[i] = redis.call('XADD', log, '*', 'c', ARGV[2 * i - 1], 'e', ARGV[2 * i])
end
return ids
