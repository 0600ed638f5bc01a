-- Write down what became of a message, tell the contact's log, and let go of it, if it is still this courier's.
-- KEYS: due, sending, record, index of those that wait, index of its state now, index of its contact,
--   when the contact was sent messages, log, mails whose opening would show.
-- ARGV: delivery id, until (as taken), row ('>' and a contact where it has moved to that one), when it is due again
--   ('' if not), now, for how long the record is kept (0: for good), how many the index of its state holds,
--   channel and the moment that is given back to its limit ('' if none), contact id, log entry ('' if none),
--   what it is among the mails whose opening would show ('' where it would not) and when it counts as ignored.
-- Returns 1, or 0 where another courier has it now (then nothing is written).
local id, row, again = ARGV[1], ARGV[3], ARGV[4]
local held = redis.call('ZSCORE', KEYS[2], id)
if not held or tonumber(held) ~= tonumber(ARGV[2]) then return 0 end
redis.call('ZREM', KEYS[2], id)
if ARGV[6] == '0' then redis.call('SET', KEYS[3], row) else redis.call('SET', KEYS[3], row, 'PX', ARGV[6]) end
if again ~= '' then
  redis.call('ZADD', KEYS[1], again, id)
else
  redis.call('ZREM', KEYS[4], id)
  if string.sub(row, 1, 1) == '>' then
    redis.call('ZREM', KEYS[6], id)
  else
    redis.call('ZADD', KEYS[5], ARGV[5], id)
    redis.call('ZREMRANGEBYRANK', KEYS[5], 0, -1 - tonumber(ARGV[7]))
  end
end
if ARGV[9] ~= '' then
  local moments, given = {}, false
  for moment in string.gmatch(redis.call('HGET', KEYS[7], ARGV[8]) or '', '%d+') do
    if given or moment ~= ARGV[9] then moments[#moments + 1] = moment else given = true end
  end
  if given then redis.call('HSET', KEYS[7], ARGV[8], table.concat(moments, ' ')) end
end
if ARGV[11] ~= '' then redis.call('XADD', KEYS[8], '*', 'c', ARGV[10], 'e', ARGV[11]) end
if ARGV[12] ~= '' then redis.call('ZADD', KEYS[9], ARGV[13], ARGV[12]) end
return 1
