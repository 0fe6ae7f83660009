-- Making and listing API keys: core.new_api_key, core.require_api_key, admin.create_api_key, admin.list_api_keys

begin;
\ir fixtures.psql
select plan(38);

select pg_temp.function_is('core.new_api_key()', '', 'text', 'volatile', null);
select pg_temp.function_is('core.require_api_key(bigint)', 'p_id bigint', 'core.api_keys', 'volatile', null);
select pg_temp.function_is('admin.create_api_key(text, boolean, integer, timestamptz)',
    'p_name text, p_is_admin boolean DEFAULT false, p_rate_limit_per_minute integer DEFAULT NULL::integer, '
    'p_expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT id bigint, OUT api_key text, OUT name text, '
    'OUT is_admin boolean, OUT rate_limit_per_minute integer, OUT expires_at timestamp with time zone',
    'record', 'volatile definer', 'pm_admin');
select pg_temp.function_is('admin.list_api_keys(boolean, bigint, integer)',
    'p_only_valid boolean DEFAULT false, p_before bigint DEFAULT NULL::bigint, p_limit integer DEFAULT 50',
    'TABLE(id bigint, key_prefix text, name text, status text, is_admin boolean, rate_limit_per_minute integer, '
    'last_used_at timestamp with time zone, created_at timestamp with time zone, expires_at timestamp with time zone)',
    'volatile definer', 'pm_admin');

-- Keys.

create temporary table made as select core.new_api_key() as key from generate_series(1, 1000);
select is_empty(
    $$ select key from made where key !~ '^pm_[A-Za-z0-9_-]{45}$' or char_length(key) <> 48 $$,
    'pm_ and 45 characters of URL-safe base64');
select is((select count(distinct key) from made), 1000::bigint, 'no two are the same');
select is((select count(distinct substr(key, n, 1)) from made, generate_series(4, 48) n), 64::bigint, 'all 64 characters appear');

-- Making one.

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:00+00';
create temporary table first as select * from admin.create_api_key(' family app ');
select matches((select api_key from first), '^pm_[A-Za-z0-9_-]{45}$', 'the key is shown');
select results_eq(
    'select name, is_admin, rate_limit_per_minute, expires_at from first',
    $$ values ('family app', false, null::integer, null::timestamptz) $$, 'with what it is; the name is trimmed');
select results_eq(
    'select k.key_hash, k.key_prefix, k.name, k.is_active, k.is_admin, k.rate_limit_per_minute, k.last_used_at, k.created_at, k.expires_at
     from core.api_keys k join first f on f.id = k.id',
    $$ select sha256(convert_to(api_key, 'UTF8')), left(api_key, 8), 'family app', true, false, null::integer, null::timestamptz,
        timestamptz '2031-06-30 12:00:00+00', null::timestamptz from first $$,
    'what is stored: a hash and a prefix, not the key');
select is((select admitted from first, api.admit(sha256(convert_to(api_key, 'UTF8')))), 1, 'it works');
select results_eq(
    'select created_at, database_role, action, resource_type, resource_id, metadata from core.audit_log',
    $$ select timestamptz '2031-06-30 12:00:00+00', current_setting('session_authorization'), 'create_api_key', 'api_key', id::text,
        '{"name": "family app", "is_admin": false, "rate_limit_per_minute": null, "expires_at": null}'::jsonb from first $$,
    'it is audited');
select is_empty(
    $$ select a from core.audit_log a, first f where position(substr(f.api_key, 4) in a::text) > 0 $$, 'without the key');

create temporary table second as
select * from admin.create_api_key(p_name => 'ops', p_is_admin => true, p_rate_limit_per_minute => 0, p_expires_at => '2031-07-30 12:00:00+00');
select results_eq(
    'select name, is_admin, rate_limit_per_minute, expires_at from second',
    $$ values ('ops', true, 0, timestamptz '2031-07-30 12:00:00+00') $$, 'an admin key without limit and with an end');
select results_eq(
    'select k.name, k.is_admin, k.rate_limit_per_minute, k.expires_at from core.api_keys k join second s on s.id = k.id',
    'select name, is_admin, rate_limit_per_minute, expires_at from second', 'is stored as such');
select is((select is_admin from admin.create_api_key('x', null)), false, 'a null is no admin');
select is((select name from admin.create_api_key(repeat('ä', 100))), repeat('ä', 100), 'a name of 100 characters');

-- Refusals.

select is(
    pg_temp.failure($$ select admin.create_api_key(' ') $$),
    '{"sqlstate": "PT400", "message": "A key needs a name of 1 to 100 characters, none of them a control character.", "detail": "",
      "hint": "select * from admin.create_api_key(p_name => ''family app'');"}', 'a name of blanks');
select is(
    pg_temp.refusals('select admin.create_api_key(%L)', null, '', repeat('a', 101), E'a\nb'), array['PT400 A key needs a name of 1 to 100 characters, none of them a control character.'],
    'no name, an empty one, a long one');
select is(
    pg_temp.refusals('select admin.create_api_key(''x'', false, %L)', '-1', '100000001'),
    array['PT400 p_rate_limit_per_minute must be from 0 (no limit) to 100000000.'], 'a limit out of range');
select is(
    array(select distinct pg_temp.failure(format('select admin.create_api_key(''x'', p_expires_at => %L)', t)) - 'detail'
        from unnest(array['2031-06-30 12:00:00+00', '2001-01-01', 'infinity', '-infinity']) t),
    array['{"sqlstate": "PT400", "message": "p_expires_at must lie in the future.",
            "hint": "p_expires_at => now() + interval ''90 days'', or leave it out for a key that never expires."}'::jsonb],
    'an end that is no future time');
select is((select count(*) from core.api_keys), 4::bigint, 'nothing of these is stored');
select is((select count(*) from core.audit_log), 4::bigint, 'nor audited');

-- Listing.

delete from core.api_keys;
select pg_temp.api_key(n, n = 2, nullif(n, 1)) from generate_series(1, 5) n \g /dev/null
update core.api_keys set is_active = false where id in (3, 5);
update core.api_keys set expires_at = '2031-06-30 12:00:00+00' where id in (4, 5);
update core.api_keys set expires_at = '2031-06-30 12:00:01+00', last_used_at = '2031-06-30 11:59:00+00' where id = 2;
select is(
    array(select l::text from admin.list_api_keys() l where id = 2),
    array['(2,pm_12345,"key 2",valid,t,2,"2031-06-30 11:59:00+00","2031-06-30 12:00:00+00","2031-06-30 12:00:01+00")'], 'a key');
select is(
    array(select id || ' ' || status from admin.list_api_keys()),
    array['5 deactivated', '4 expired', '3 deactivated', '2 valid', '1 valid'], 'all keys, the newest first');
select is(array(select id from admin.list_api_keys(p_only_valid => true)), array[2, 1]::bigint[], 'the valid ones');
select is(array(select id from admin.list_api_keys(p_limit => 2)), array[5, 4]::bigint[], 'a page');
select is(array(select id from admin.list_api_keys(p_before => 4, p_limit => 2)), array[3, 2]::bigint[], 'the next page');

select pg_temp.function_is('core.require_page_size(integer)', 'p_limit integer', 'void', 'immutable', null);
select lives_ok('select core.require_page_size(1), core.require_page_size(1000)', 'pages of 1 to 1000 rows');
select is(
    array(select distinct pg_temp.failure(format('select admin.list_api_keys(p_limit => %L)', n)) from unnest(array[0, 1001, -1, null]) n),
    array['{"sqlstate": "PT400", "message": "p_limit must be from 1 to 1000.", "detail": "",
      "hint": "The next rows come with p_after or p_before and a value of the last row: select * from admin.help();"}'::jsonb],
    'and no others');

-- One key.

select is((select name from core.require_api_key(3)), 'key 3', 'a known key');
select is(
    pg_temp.failure('select core.require_api_key(9)'),
    '{"sqlstate": "PT404", "message": "There is no API key 9.", "detail": "", "hint": "select * from admin.list_api_keys();"}',
    'an unknown one');
select is(pg_temp.failure('select core.require_api_key(null)') ->> 'message', 'There is no API key null.', 'none');

-- Who may do it.

select is(pg_temp.failure($$ select admin.create_api_key('x') $$, 'pm_admin'), null, 'pm_admin makes keys');
select is(pg_temp.failure('select admin.list_api_keys()', 'pm_admin'), null, 'and lists them');
select is(pg_temp.failure($$ select admin.create_api_key('x') $$, 'pm_api') ->> 'sqlstate', '42501', 'pm_api makes none');
select is(pg_temp.failure('select admin.list_api_keys()', 'pm_api') ->> 'sqlstate', '42501', 'nor lists them');

select * from finish();
rollback;
