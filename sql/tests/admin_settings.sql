-- core.setting_range, core.change_setting, admin.show_settings, admin.set_setting

begin;
\ir fixtures.psql
select plan(26);

select pg_temp.function_is('core.setting_range(text)', 'p_name text', 'text', 'stable', null);
select pg_temp.function_is('core.change_setting(text, text)', 'p_name text, p_value text', 'boolean', 'volatile', null);
select pg_temp.function_is('admin.show_settings()', '',
    'TABLE(name text, value integer, default_value integer, allowed text, description text)', 'stable definer', 'pm_admin');
select pg_temp.function_is(
    'admin.set_setting(text, bigint)', 'p_name text, p_value bigint', 'text', 'volatile definer', 'pm_admin');

set local pm.test_now = '2031-06-30 12:00:00+00';

-- Changing.

select is(core.change_setting('max_batch_size', '40'), true, 'a change');
select is((select max_batch_size from core.settings), 40, 'is written');
select results_eq(
    'select created_at, action, resource_type, resource_id, metadata from core.audit_log',
    $$ values (timestamptz '2031-06-30 12:00:00+00', 'change_setting', 'setting', 'max_batch_size', '{"old": 50, "new": 40}'::jsonb) $$,
    'and audited');
select is(core.change_setting('max_batch_size', ' 040 '), false, 'the same value: nothing changed');
select is((select count(*) from core.audit_log), 1::bigint, 'nor audited');

-- Refusals.

select is(
    pg_temp.failure($$ select core.change_setting('max_batch', '40') $$),
    '{"sqlstate": "PT400", "message": "There is no setting ''max_batch''.", "detail": "", '
    '"hint": "Settings: admin_rate_limit_per_minute, audit_retention_days, idempotency_ttl_hours, location_retention_days, '
    'max_batch_size, max_clock_skew_seconds, max_devices_per_group, privacy_rate_limit_per_hour, rate_limit_per_minute"}',
    'an unknown setting: the hint lists all');
select is(
    pg_temp.refusals('select core.change_setting(%L, ''1'')', 'only_row', 'xmin', 'Max_batch_size', 'max_batch_size = 3, only_row', null),
    array[
        'PT400 There is no setting ''Max_batch_size''.', 'PT400 There is no setting ''max_batch_size = 3, only_row''.',
        'PT400 There is no setting ''only_row''.', 'PT400 There is no setting ''xmin''.', 'PT400 There is no setting NULL.'],
    'nor are these settings');
select is(
    array(
        select pg_temp.refusals('select core.change_setting(''max_batch_size'', %L)', v)
        from unnest(array['x', '', '1.5', '1e3', null]) with ordinality u(v, n) order by n),
    array(
        select array[format('PT400 max_batch_size must be a whole number, not %s.', v)]
        from unnest(array['''x''', '''''', '''1.5''', '''1e3''', 'NULL']) with ordinality u(v, n) order by n),
    'no whole numbers');
select is(
    pg_temp.failure($$ select core.change_setting('max_batch_size', '1001') $$),
    '{"sqlstate": "PT400", "message": "max_batch_size cannot be 1001.", "detail": "",
      "hint": "Allowed: 1 to 1000. See select * from admin.show_settings();"}',
    'out of range: the hint says what is allowed');
select is(
    pg_temp.failure($$ select core.change_setting('rate_limit_per_minute', 'many') $$) ->> 'hint',
    'Allowed: 0 to 100000000. See select * from admin.show_settings();', 'also for what is no number');
select is(core.setting_range('max_clock_skew_seconds'), '0 to 86400', 'the range of a setting');
select is((select max_batch_size from core.settings), 40, 'refused values are not written');
select is((select count(*) from core.audit_log), 1::bigint, 'nor audited');

-- In psql.

select is(admin.set_setting('max_devices_per_group', 25), 'max_devices_per_group is now 25.', 'a change');
select is(
    admin.set_setting(p_name => 'max_devices_per_group', p_value => 25), 'max_devices_per_group was 25 already.', 'no change');
select throws_ok(
    $$ select admin.set_setting('max_devices', 25) $$, 'PT400', 'There is no setting ''max_devices''.', 'an unknown setting');
select throws_ok(
    $$ select admin.set_setting('max_devices_per_group', 0) $$, 'PT400', 'max_devices_per_group cannot be 0.', 'out of range');
select throws_ok($$ select admin.set_setting('max_devices_per_group', -5) $$, 'PT400', null, 'a negative number');
select throws_ok(
    $$ select admin.set_setting('max_devices_per_group', null) $$, 'PT400',
    'max_devices_per_group must be a whole number, not NULL.', 'no value');

select is(
    array(select concat_ws('|', s.name, s.value, s.default_value, s.allowed) from admin.show_settings() s),
    array[
        'max_devices_per_group|25|20|1 to 10000', 'max_batch_size|40|50|1 to 1000', 'location_retention_days|30|30|1 to 3650',
        'audit_retention_days|90|90|1 to 3650', 'idempotency_ttl_hours|24|24|1 to 720', 'max_clock_skew_seconds|300|300|0 to 86400',
        'rate_limit_per_minute|100|100|0 to 100000000', 'admin_rate_limit_per_minute|1000|1000|0 to 100000000',
        'privacy_rate_limit_per_hour|10|10|0 to 100000000'],
    'all settings with value, default and range');
select is_empty(
    'select name from admin.show_settings() where description is null or char_length(description) < 10', 'each is explained');
select is(
    array[
        pg_temp.failure('select * from admin.show_settings()', 'pm_admin'),
        pg_temp.failure($$ select admin.set_setting('max_batch_size', 41) $$, 'pm_admin')],
    array[null, null]::jsonb[], 'pm_admin may do both');

select * from finish();
rollback;
