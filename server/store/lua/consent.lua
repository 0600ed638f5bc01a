-- Write a consent at once: the record, what holds now, and the log entry that tells the engine.
-- KEYS: consents, ledger, log.
-- ARGV: number of records believed, sealed sheet, sealed record, contact id, sealed entry.
-- Returns {'moved', contact} | {'again'} | {'written', id of the log entry}.
local moved = redis.call('HGET', KEYS[1], 'm')
if moved then return { 'moved', moved } end
if (redis.call('HGET', KEYS[1], 'n') or '0') ~= ARGV[1] then return { 'again' } end
redis.call('RPUSH', KEYS[2], ARGV[3])
redis.call('HSET', KEYS[1], 'n', tonumber(ARGV[1]) + 1, 's', ARGV[2])
return { 'written', redis.call('XADD', KEYS[3], '*', 'c', ARGV[4], 'e', ARGV[5]) }
