-- core.new_api_key(): a new key, pm_ and 45 characters of URL-safe base64.
--
-- gen_random_uuid() draws on the system's secure random source, 122 bits a call; three of them, spread by SHA-512,
-- fill the 270 bits that 45 characters hold.

create function core.new_api_key() returns text
language sql volatile
return 'pm_' || left(
    translate(
        encode(sha512(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64'),
        E'+/\n', '-_'),
    45);

comment on function core.new_api_key() is 'A new API key from a secure random source.';
revoke all on function core.new_api_key() from public;
