-- Append entries to the logs of their partitions, those of one call all or none.
-- KEYS: for each call one log an entry, then the identities that it relies on (hash and field, see keys.identity).
-- ARGV: number of calls; for each call the numbers of its entries and identities, then contact id and sealed entry of
--   each entry, then the contact that each identity must name, else the call is left out.
-- Returns the id given to each entry, false for those of calls left out.
local ids, key, arg = {}, 1, 2
for _ = 1, tonumber(ARGV[1]) do
  local entries, identities = tonumber(ARGV[arg]), tonumber(ARGV[arg + 1])
  local first, identity, named = arg + 2, key + entries, arg + 2 + 2 * entries
  local holds = true
  for i = 0, identities - 1 do
    local name = KEYS[identity + i]
    holds = holds and redis.call('HGET', string.sub(name, 1, -15), string.sub(name, -14)) == ARGV[named + i]
  end
  for i = 0, entries - 1 do
    ids[#ids + 1] = holds
      and redis.call('XADD', KEYS[key + i], '*', 'c', ARGV[first + 2 * i], 'e', ARGV[first + 2 * i + 1])
  end
  key, arg = identity + identities, named + identities
end
return ids
