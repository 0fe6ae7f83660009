-- admin.audit_trail

begin;
\ir fixtures.psql
select plan(18);

select pg_temp.function_is('admin.audit_trail(timestamptz, timestamptz, text, text, text, bigint, integer)',
    'p_from timestamp with time zone DEFAULT NULL::timestamp with time zone, '
    'p_to timestamp with time zone DEFAULT NULL::timestamp with time zone, p_action text DEFAULT NULL::text, '
    'p_resource_type text DEFAULT NULL::text, p_resource_id text DEFAULT NULL::text, p_before bigint DEFAULT NULL::bigint, p_limit integer DEFAULT 50',
    'TABLE(id bigint, created_at timestamp with time zone, who text, action text, resource_type text, resource_id text, metadata jsonb, '
    'ip_address inet, request_id text)',
    'stable definer', 'pm_admin');
select is_empty('select * from admin.audit_trail()', 'nothing happened');

select pg_temp.api_key(7) \g /dev/null
insert into core.audit_log (id, created_at, api_key_id, database_role, action, resource_type, resource_id, metadata, ip_address, request_id)
overriding system value values
    (1, '2031-06-28', null, 'anna', 'move_device', 'device', 'd-1', '{"old": "a", "new": "b"}', null, null),
    (2, '2031-06-29', 7, 'api', 'erase_device', 'device', 'd-1', '{}', '192.0.2.1', 'r-1'),
    (3, '2031-06-30', 8, 'api', 'erase_device', 'device', 'd-2', '{}', '192.0.2.1', 'r-2'),
    (4, '2031-06-30', null, 'anna', 'change_setting', 'setting', 'max_batch_size', '{"old": 50, "new": 40}', null, null);

create function pg_temp.found(
    p_from timestamptz default null, p_to timestamptz default null, p_action text default null, p_resource_type text default null,
    p_resource_id text default null, p_before bigint default null, p_limit integer default 50)
returns text[]
language sql
return array(
    select a.action || ' ' || a.resource_id from admin.audit_trail(p_from, p_to, p_action, p_resource_type, p_resource_id, p_before, p_limit) a);

select results_eq(
    'select * from admin.audit_trail()',
    $$ values
        (4::bigint, timestamptz '2031-06-30', 'role anna', 'change_setting', 'setting', 'max_batch_size', '{"old": 50, "new": 40}'::jsonb, null::inet, null),
        (3, '2031-06-30', 'API key 8', 'erase_device', 'device', 'd-2', '{}', '192.0.2.1', 'r-2'),
        (2, '2031-06-29', 'API key 7 (key 7)', 'erase_device', 'device', 'd-1', '{}', '192.0.2.1', 'r-1'),
        (1, '2031-06-28', 'role anna', 'move_device', 'device', 'd-1', '{"old": "a", "new": "b"}', null, null) $$,
    'all, the latest first: the role in psql; over HTTP the key, with its name while it is there');

select is(pg_temp.found(p_from => '2031-06-30'), array['change_setting max_batch_size', 'erase_device d-2'], 'from a time');
select is(pg_temp.found(p_to => '2031-06-29'), array['move_device d-1'], 'before a time');
select is(pg_temp.found('2031-06-29', '2031-06-30'), array['erase_device d-1'], 'between');
select is(pg_temp.found(p_action => 'erase_device'), array['erase_device d-2', 'erase_device d-1'], 'an action');
select is(pg_temp.found(p_resource_type => 'setting'), array['change_setting max_batch_size'], 'a type of resource');
select is(pg_temp.found(p_resource_id => 'd-1'), array['erase_device d-1', 'move_device d-1'], 'a resource');
select is(pg_temp.found(p_limit => 1), array['change_setting max_batch_size'], 'a page');

-- Pages: ids go on where times are the same, and times where ids are not in their order.

select is(pg_temp.found(p_before => 4, p_limit => 1), array['erase_device d-2'], 'the next page begins with the same microsecond');
select is(pg_temp.found(p_before => 3, p_limit => 2), array['erase_device d-1', 'move_device d-1'], 'the page after it');
update core.audit_log set created_at = '2031-07-01' where id = 1;
select is(pg_temp.found(p_before => 1), array['change_setting max_batch_size', 'erase_device d-2', 'erase_device d-1'], 'by time, then by id');
select is(pg_temp.found(p_before => 4, p_to => '2031-06-30'), array['erase_device d-1'], 'none of a page is later than was asked for');
select is(pg_temp.found(p_before => 2, p_to => '2032-01-01'), '{}', 'the last row has none after it');
select is(
    pg_temp.failure('select admin.audit_trail(p_before => 99)'),
    '{"sqlstate": "PT404", "message": "There is no audit entry 99 to go on before.", "detail": "",
      "hint": "p_before is the id of the last row of the page before; leave it out for the first page."}', 'a row that is not there');
select throws_ok('select admin.audit_trail(p_limit => null)', 'PT400', 'p_limit must be from 1 to 1000.', 'a page without an end');
select is(pg_temp.failure('select * from admin.audit_trail()', 'pm_api') ->> 'sqlstate', '42501', 'pm_api may not');

select * from finish();
rollback;
