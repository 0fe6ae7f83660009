-- core.fingerprint(request): 16 bytes that tell a request from another one of the same client.
--
-- Two seeds of PostgreSQL's own hash of jsonb: white space and the order of keys do not count, 1.0 is 1. It need not be
-- a cryptographic hash, since a client that makes two requests collide fools only itself; hashing the request as text
-- would write a number such as 1e131000 out in full.

create function core.fingerprint(p_request jsonb) returns bytea
language sql immutable
return int8send(jsonb_hash_extended(p_request, 1)) || int8send(jsonb_hash_extended(p_request, 2));

comment on function core.fingerprint(jsonb) is 'Bytes that tell a request from another one of the same client.';
revoke all on function core.fingerprint(jsonb) from public;
