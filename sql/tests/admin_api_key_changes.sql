-- Changing API keys: admin.deactivate_api_key, admin.reactivate_api_key, admin.rotate_api_key, admin.expire_api_key

begin;
\ir fixtures.psql
select plan(38);

select pg_temp.function_is('admin.deactivate_api_key(bigint)', 'p_id bigint', 'text', 'volatile definer', 'pm_admin');
select pg_temp.function_is('admin.reactivate_api_key(bigint)', 'p_id bigint', 'text', 'volatile definer', 'pm_admin');
select pg_temp.function_is('admin.rotate_api_key(bigint, interval)',
    'p_id bigint, p_grace interval DEFAULT ''24:00:00''::interval, OUT id bigint, OUT api_key text, OUT name text, '
    'OUT old_key_valid_until timestamp with time zone',
    'record', 'volatile definer', 'pm_admin');
select pg_temp.function_is('admin.expire_api_key(bigint, timestamptz)',
    'p_id bigint, p_expires_at timestamp with time zone DEFAULT now()', 'text', 'volatile definer', 'pm_admin');

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.api_key(n) from generate_series(1, 6) n \g /dev/null
create function pg_temp.works(p_key_hash bytea) returns boolean
language sql
return pg_temp.failure(format('select api.admit(%L)', p_key_hash)) is null;
create function pg_temp.works(p_key integer) returns boolean
language sql
return pg_temp.works(pg_temp.key_hash(p_key));
-- What the audit log has got since the last call.
create temporary table audited (up_to bigint);
insert into audited values (0);
create function pg_temp.audited() returns text[]
language sql
begin atomic
    with seen as (update audited set up_to = (select coalesce(max(id), 0) from core.audit_log) returning up_to)
    select array(
        select concat_ws(' ', a.action, a.resource_type, a.resource_id, a.metadata)
        from core.audit_log a, audited b, seen where a.id > b.up_to order by a.id);
end;

-- Deactivating and reactivating.

select is(admin.deactivate_api_key(1), 'API key 1 (key 1) is deactivated.', 'deactivated');
select is(pg_temp.works(1), false, 'it works no more');
select is(pg_temp.audited(), array['deactivate_api_key api_key 1 {"name": "key 1"}'], 'which is audited');
select throws_ok('select admin.deactivate_api_key(1)', 'PT409', 'API key 1 (key 1) is deactivated already.', 'not twice');
select is(admin.reactivate_api_key(p_id => 1), 'API key 1 (key 1) is active.', 'reactivated');
select is(pg_temp.works(1), true, 'it works again');
select is(pg_temp.audited(), array['reactivate_api_key api_key 1 {"name": "key 1"}'], 'which is audited');
select throws_ok('select admin.reactivate_api_key(1)', 'PT409', 'API key 1 (key 1) is active already.', 'not twice');
update core.api_keys set is_active = false, expires_at = '2031-06-30 12:00:00+00' where id = 2;
select is(
    pg_temp.failure('select admin.reactivate_api_key(2)'),
    '{"sqlstate": "PT409", "message": "API key 2 (key 2) expired at 2031-06-30T12:00:00.000Z.", "detail": "",
      "hint": "Make a new one: select * from admin.create_api_key(p_name => ''…'');"}', 'an expired key stays as it is');

-- Expiring.

select is(admin.expire_api_key(3, '2031-06-30 13:00:00+00'), 'API key 3 (key 3) expires at 2031-06-30T13:00:00.000Z.', 'an end');
select is(
    admin.expire_api_key(3, '2031-06-30 12:00:00+00'), 'API key 3 (key 3) expires at 2031-06-30T12:00:00.000Z.',
    'an earlier one');
select is(pg_temp.works(3), false, 'it works no more');
select is(admin.expire_api_key(p_id => 3, p_expires_at => null), 'API key 3 (key 3) never expires.', 'no end');
select is(pg_temp.works(3), true, 'it works again');
select is(
    pg_temp.audited(),
    array[
        'expire_api_key api_key 3 {"new": "2031-06-30T13:00:00+00:00", "old": null}',
        'expire_api_key api_key 3 {"new": "2031-06-30T12:00:00+00:00", "old": "2031-06-30T13:00:00+00:00"}',
        'expire_api_key api_key 3 {"new": null, "old": "2031-06-30T12:00:00+00:00"}'],
    'which is audited');
select matches(admin.expire_api_key(3), '^API key 3 \(key 3\) expires at 20', 'now');
select is((select expires_at from core.api_keys where id = 3), now(), 'by default');
select is(
    pg_temp.refusals('select admin.expire_api_key(1, %L)', 'infinity', '-infinity'),
    array['PT400 p_expires_at must be a time, or null for never.'], 'not at infinity');

-- Rotating.

update core.api_keys set is_admin = true, rate_limit_per_minute = 7, expires_at = '2031-08-01 00:00:00+00' where id = 4;
select pg_temp.audited() \g /dev/null
create temporary table successor as select * from admin.rotate_api_key(4);
select results_eq(
    'select name, old_key_valid_until from successor', $$ values ('key 4', timestamptz '2031-07-01 12:00:00+00') $$, 'a day of grace by default');
select results_eq(
    'select k.key_hash, k.name, k.is_active, k.is_admin, k.rate_limit_per_minute, k.expires_at, k.last_used_at
     from core.api_keys k join successor s on s.id = k.id',
    $$
    select sha256(convert_to(api_key, 'UTF8')), 'key 4', true, true, 7, timestamptz '2031-08-01 00:00:00+00', null::timestamptz
    from successor
    $$,
    'the successor has name, rights, limit and end of the old key');
select is(
    (select a[1] like 'create_api_key api_key %' and a[2] like 'rotate_api_key api_key 4 %' and cardinality(a) = 2 from pg_temp.audited() a),
    true, 'which is audited');
select is(
    (select metadata from core.audit_log where action = 'rotate_api_key'),
    (select jsonb_build_object('successor', id, 'old_key_valid_until', old_key_valid_until) from successor), 'with the successor');
select is(
    array[pg_temp.works(4), (select pg_temp.works(sha256(convert_to(api_key, 'UTF8'))) from successor)], array[true, true], 'both work');
set local pm.test_now = '2031-07-01 12:00:00+00';
select is(
    array[pg_temp.works(4), (select pg_temp.works(sha256(convert_to(api_key, 'UTF8'))) from successor)], array[false, true],
    'after the grace period only the new one');

set local pm.test_now = '2031-06-30 12:00:00+00';
select is((select old_key_valid_until from admin.rotate_api_key(5, '0')), '2031-06-30 12:00:00+00', 'no grace');
select is(pg_temp.works(5), false, 'the old key stops at once');
update core.api_keys set expires_at = '2031-06-30 13:00:00+00' where id = 6;
select is(
    (select old_key_valid_until from admin.rotate_api_key(6, '7 days')), '2031-06-30 13:00:00+00',
    'grace does not make a key live longer');

select is(
    pg_temp.refusals('select admin.rotate_api_key(1, %L)', '-1 second', '366 days', null),
    array['PT400 p_grace must be from 0 to 365 days.'], 'a grace period out of range');
select lives_ok($$ select admin.rotate_api_key(1, '365 days') $$, 'the longest grace period');
select is(
    pg_temp.failure('select admin.rotate_api_key(5)'),
    '{"sqlstate": "PT409", "message": "API key 5 (key 5) is not valid any more.", "detail": "",
      "hint": "Make a new one: select * from admin.create_api_key(p_name => ''…'');"}', 'an expired key has no successor');
select throws_ok(
    'select admin.rotate_api_key(2)', 'PT409', 'API key 2 (key 2) is not valid any more.', 'nor has a deactivated one');

-- An unknown key.

create temporary view change as
select f from unnest(array['deactivate_api_key', 'reactivate_api_key', 'expire_api_key', 'rotate_api_key']) f;
select is(
    array(select distinct pg_temp.failure(format('select admin.%s(99)', f)) ->> 'message' from change),
    array['There is no API key 99.'], 'unknown to all');

-- Who may do it.

select is(
    array(
        select distinct pg_temp.failure(format('select admin.%s(99)', f), r) ->> 'sqlstate'
        from change, unnest(array['pm_api', 'pm_monitor']) r),
    array['42501'], 'neither pm_api nor pm_monitor');
select is(
    array(select distinct pg_temp.failure(format('select admin.%s(99)', f), 'pm_admin') ->> 'sqlstate' from change),
    array['PT404'], 'pm_admin');

select * from finish();
rollback;
