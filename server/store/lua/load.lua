-- Read contacts of a partition.
-- KEYS: what the names of its hashes begin with.  ARGV: bucket and contact id, for each.
-- Returns the sealed contact of each, false where there is none.
local found = {}
for at = 1, #ARGV, 2 do
  found[#found + 1] = redis.call('HGET', KEYS[1] .. ARGV[at], ARGV[at + 1])
end
return found
