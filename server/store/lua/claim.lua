-- Read identities, and claim those that name no contact yet.
-- KEYS: identities.  ARGV: the contact that each is to name unless it names one already, '' to leave it.
-- Returns the contact that each names now, false where it names none.
local named = {}
for i, identity in ipairs(KEYS) do
  if ARGV[i] ~= '' then
    redis.call('SET', identity, ARGV[i], 'NX')
  end
  named[i] = redis.call('GET', identity)
end
return named
