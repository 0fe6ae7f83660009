-- core.fingerprint(request): 32 bytes that tell a request from another one.
--
-- White space and the order of keys do not count, and 1.0 is 1: each value is hashed by PostgreSQL's own hash of jsonb,
-- with two seeds. That hash lets equal values cancel each other out inside a large document, so each field of the request
-- and of its points is hashed for itself, together with where it stands. Hashing the request as text would write a number
-- such as 1e131000 out in full.

create function core.fingerprint(p_request jsonb) returns bytea
language sql immutable
return (
    select sha256(coalesce(
        string_agg(
            convert_to(concat_ws(' ', quote_literal(m.name), l.position, quote_literal(f.name), jsonb_typeof(v.value)), 'UTF8')
                || int8send(jsonb_hash_extended(v.value, 1)) || int8send(jsonb_hash_extended(v.value, 2)),
            '' order by m.position, l.position, f.position),
        ''))
    from jsonb_each(case when jsonb_typeof(p_request) = 'object' then p_request else jsonb_build_object('', p_request) end)
        with ordinality m(name, value, position)
    left join lateral jsonb_array_elements(case when jsonb_typeof(m.value) = 'array' then m.value end)
        with ordinality l(value, position) on true
    left join lateral jsonb_each(case when jsonb_typeof(l.value) = 'object' then l.value end)
        with ordinality f(name, value, position) on true
    cross join lateral (select coalesce(f.value, l.value, m.value) as value) v
);

comment on function core.fingerprint(jsonb) is 'Bytes that tell a request from another one.';
revoke all on function core.fingerprint(jsonb) from public;
