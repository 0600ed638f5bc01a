-- Take a transfer that was done off the head of the list.  KEYS: lease, transfers.  ARGV: token, the transfer.
if redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('LINDEX', KEYS[2], 0) == ARGV[2] then
  redis.call('LPOP', KEYS[2])
  return 1
end
return 0
