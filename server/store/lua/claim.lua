-- Read identities, and claim those that name no contact yet.
-- KEYS: identities (hash and field, see keys.identity).
-- ARGV: the contact that each is to name unless it names one already, '' to leave it.
-- Returns the contact that each names now, false where it names none.
local named = {}
for i, identity in ipairs(KEYS) do
  local key, field = string.sub(identity, 1, -15), string.sub(identity, -14)
  named[i] = redis.call('HGET', key, field)
  if not named[i] and ARGV[i] ~= '' then
    redis.call('HSET', key, field, ARGV[i])
    named[i] = ARGV[i]
  end
end
return named
