-- api.admit: who is let in. How often is tested in api_admit_window.sql.

begin;
\ir fixtures.psql
select plan(26);

select pg_temp.function_is('api.admit(bytea, text, integer, integer, bigint)',
    'p_key_hash bytea, p_class text DEFAULT ''default''::text, p_requests integer DEFAULT 1, p_unused integer DEFAULT 0, '
    'p_unused_slot bigint DEFAULT 0, OUT api_key_id bigint, OUT admitted integer, '
    'OUT rate_limit integer, OUT remaining integer, OUT reset_after integer, OUT retry_after integer, '
    'OUT slot bigint, OUT slot_left double precision',
    'record', 'volatile definer', 'pm_api');

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:30+00';
select pg_temp.api_key(1), pg_temp.api_key(2, p_is_admin => true), pg_temp.api_key(3), pg_temp.api_key(4) \g /dev/null
update core.api_keys set is_active = false where id = 3;
update core.api_keys set expires_at = '2031-06-30 12:00:30+00' where id = 4;
create function pg_temp.admit(p_key integer, p_class text default 'default', p_requests integer default 1) returns text
language sql
return (
    select row(a.api_key_id, a.admitted, a.rate_limit, a.remaining, a.reset_after, a.retry_after)::text
    from api.admit(pg_temp.key_hash(p_key), p_class, p_requests) a);

-- Keys.

select is(pg_temp.admit(1), '(1,1,100,99,61,)', 'a key: id, admitted, limit, remaining, reset after, retry after');
select is(
    pg_temp.failure('select pg_temp.admit(9)'),
    '{"sqlstate": "PT401", "message": "Missing or invalid API key.", "detail": "", "hint": ""}', 'unknown');
select is(pg_temp.failure('select pg_temp.admit(3)'), pg_temp.failure('select pg_temp.admit(9)'), 'deactivated: the same words');
select is(
    pg_temp.refusals('select api.admit(%L)', null, 'key 1'), array['PT401 Missing or invalid API key.'],
    'no hash, or the key itself');
select is(
    pg_temp.failure('select pg_temp.admit(4)'),
    '{"sqlstate": "PT401", "message": "The API key has expired.", "detail": "", "hint": ""}', 'expired, from its time on');
set local pm.test_now = '2031-06-30 12:00:29.999+00';
select is(pg_temp.admit(4), '(4,1,100,99,61,)', 'not yet expired');
set local pm.test_now = '2031-06-30 12:00:30+00';
update core.api_keys set is_active = false where id = 4;
select is(pg_temp.failure('select pg_temp.admit(4)') ->> 'message', 'Missing or invalid API key.', 'deactivated and expired');
select is(pg_temp.failure($$ select pg_temp.admit(1, 'admin') $$),
    '{"sqlstate": "PT403", "message": "This API key may not use administration routes.", "detail": "", "hint": ""}', 'no admin');
select is(pg_temp.admit(2, 'admin'), '(2,1,1000,999,61,)', 'an admin');
select is(pg_temp.admit(2), '(2,1,100,99,61,)', 'an admin on ordinary routes');
select is((select count(*) from core.rate_limits where api_key_id not in (1, 2, 4)), 0::bigint, 'who is refused counts nowhere');

-- Limits.

select is(pg_temp.admit(1, 'privacy'), '(1,1,10,9,3630,)', 'privacy: per hour');
update core.settings set rate_limit_per_minute = 5, admin_rate_limit_per_minute = 6, privacy_rate_limit_per_hour = 7;
select is(
    array(select (select a.rate_limit from api.admit(pg_temp.key_hash(2), c) a) from unnest(array['default', 'admin', 'privacy']) c),
    array[5, 6, 7], 'the settings count');
update core.api_keys set rate_limit_per_minute = 50;
select is(
    array(select (select a.rate_limit from api.admit(pg_temp.key_hash(2), c) a) from unnest(array['default', 'admin', 'privacy']) c),
    array[50, 50, 7], 'a limit of its own is for ordinary and admin routes');
delete from core.rate_limits;
update core.api_keys set rate_limit_per_minute = 0;
select is(pg_temp.admit(1, 'default', 1000), '(1,1000,,,,)', 'a limit of its own of 0: none');
select is((select count(*) from core.rate_limits), 0::bigint, 'nothing is counted then');
update core.api_keys set rate_limit_per_minute = null;
update core.settings set rate_limit_per_minute = 0, privacy_rate_limit_per_hour = 0;
select is(
    array[pg_temp.admit(1), pg_temp.admit(1, 'privacy')], array['(1,1,,,,)', '(1,1,,,,)'], 'a setting of 0: none');

-- Last use, to the minute.

select is((select last_used_at from core.api_keys where id = 1), '2031-06-30 12:00:00+00', 'the minute of the last use');
select is((select last_used_at from core.api_keys where id = 3), null, 'a refused key was not used');
select ctid::text as before from core.api_keys where id = 1 \gset
set local pm.test_now = '2031-06-30 12:00:59.999+00';
select pg_temp.admit(1) \g /dev/null
select is((select ctid::text from core.api_keys where id = 1), :'before', 'no update within the same minute');
set local pm.test_now = '2031-06-30 12:01:00+00';
select pg_temp.admit(1) \g /dev/null
select is((select last_used_at from core.api_keys where id = 1), '2031-06-30 12:01:00+00', 'an update in the next');
select isnt((select ctid::text from core.api_keys where id = 1), :'before', 'of the row');

-- Its transaction.

select is(current_setting('synchronous_commit'), 'off', 'it does not wait for the disk');

-- Who may call it.

select is(pg_temp.failure($$ select api.admit('x') $$, 'pm_api') ->> 'sqlstate', 'PT401', 'pm_api');
select is(pg_temp.failure($$ select api.admit('x') $$, 'pm_admin') ->> 'sqlstate', '42501', 'not pm_admin');

select * from finish();
rollback;
