-- Write a consent at once: the record, what holds now, and the log entry that tells the engine.
-- KEYS: the hash that the contact's consents are in, joined, log.
-- ARGV: contact id, number of records believed, sealed sheet, sealed record, sealed entry.
-- What a contact's field holds: number of records, length of the sheet, a line's end; the sheet; then each record with
-- its length and a line's end before it.
-- Returns {'moved', contact} | {'again'} | {'written', id of the log entry}.
local moved = redis.call('HGET', KEYS[2], ARGV[1])
if moved then return { 'moved', moved } end
local held, number, ledger = redis.call('HGET', KEYS[1], ARGV[1]), '0', ''
if held then
  local size, start
  number, size, start = string.match(held, '^(%d+) (%d+)\n()')
  ledger = string.sub(held, start + tonumber(size))
end
if number ~= ARGV[2] then return { 'again' } end
local sheet, record = ARGV[3], ARGV[4]
local head = tonumber(number) + 1 .. ' ' .. #sheet .. '\n'
redis.call('HSET', KEYS[1], ARGV[1], head .. sheet .. ledger .. #record .. '\n' .. record)
return { 'written', redis.call('XADD', KEYS[3], '*', 'c', ARGV[1], 'e', ARGV[5]) }
