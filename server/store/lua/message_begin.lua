-- Say that a message is being handed over, if nothing speaks against it at this moment.
-- KEYS: sending, record, joined, the hash that the contact's consents are in, when the contact was sent messages.
-- ARGV: delivery id, until (as taken), until when from now on, row, contact id,
--   number of consent records that was read ('' where none is needed), now, channel,
--   a limit: how many ('' where there is none) after which moment, and for how long it is to be known (0: for good).
-- Returns {'begun'} | {'lost'}: another courier has it | {'moved', contact} | {'again'}: read the consents again
--   | {'over'}: over the limit.  Only the first writes.
local held = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '')
if held == tonumber(ARGV[3]) then return { 'begun' } end -- asked again, as the answer was lost
if held ~= tonumber(ARGV[2]) then return { 'lost' } end
local moved = redis.call('HGET', KEYS[3], ARGV[5])
if moved then return { 'moved', moved } end
if ARGV[6] ~= '' then
  local consents = redis.call('HGET', KEYS[4], ARGV[5])
  if (consents and string.match(consents, '^%d+') or '0') ~= ARGV[6] then return { 'again' } end
end
if ARGV[9] ~= '' then
  local most, after, moments, counted = tonumber(ARGV[9]), tonumber(ARGV[10]), {}, 0
  for moment in string.gmatch(redis.call('HGET', KEYS[5], ARGV[8]) or '', '%d+') do
    moments[#moments + 1] = moment
    if tonumber(moment) > after then counted = counted + 1 end
  end
  if counted >= most then return { 'over' } end
  moments[#moments + 1] = ARGV[7]
  redis.call('HSET', KEYS[5], ARGV[8], table.concat(moments, ' ', math.max(1, #moments - math.max(most, 100) + 1)))
  if ARGV[11] == '0' then redis.call('PERSIST', KEYS[5]) else redis.call('PEXPIRE', KEYS[5], ARGV[11]) end
end
redis.call('SET', KEYS[2], ARGV[4])
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return { 'begun' }
