-- Read whole buckets of a partition's contacts until enough are read.
-- KEYS: what the names of its hashes begin with.  ARGV: the first bucket, how many buckets there are, enough.
-- Returns the bucket to go on with, then the contacts of each bucket read as ids and sealed contacts in turn.
local bucket, buckets, enough, read = tonumber(ARGV[1]), tonumber(ARGV[2]), 2 * tonumber(ARGV[3]), 0
local answer = { 0 }
while bucket < buckets and read < enough do
  local found = redis.call('HGETALL', KEYS[1] .. bucket)
  if #found > 0 then answer[#answer + 1] = found end
  read, bucket = read + #found, bucket + 1
end
answer[1] = bucket
return answer
