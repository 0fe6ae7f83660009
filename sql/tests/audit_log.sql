-- core.audit_log, core.audit

begin;
\ir fixtures.psql
select plan(12);

select results_eq(
    $$ select * from pg_temp.columns('core.audit_log') $$,
    $$ values
        ('id', 'bigint', true, 'identity'),
        ('created_at', 'timestamp with time zone', true, 'now()'),
        ('api_key_id', 'bigint', false, null),
        ('database_role', 'text', true, 'SESSION_USER'),
        ('action', 'text', true, null),
        ('resource_type', 'text', true, null),
        ('resource_id', 'text', false, null),
        ('metadata', 'jsonb', true, $d$'{}'::jsonb$d$),
        ('ip_address', 'inet', false, null),
        ('request_id', 'text', false, null) $$,
    'columns');
select set_eq(
    $$ select pg_temp.keys('core.audit_log') $$,
    array['PRIMARY KEY (id)', 'INDEX btree (created_at)'],
    'keys, and an index for the cleanup; no foreign key: the trail outlives keys and devices');
select throws_ok(
    $$ insert into core.audit_log (action, resource_type, metadata) values ('a', 'b', '[]') $$, '23514', null, 'metadata are an object');
select throws_ok($$ insert into core.audit_log (resource_type) values ('b') $$, '23502', null, 'an entry has an action');
select throws_ok($$ insert into core.audit_log (action) values ('a') $$, '23502', null, 'an entry has a type of resource');

select pg_temp.function_is(
    'core.audit(text, text, text, jsonb, jsonb)',
    $$p_action text, p_resource_type text, p_resource_id text, p_metadata jsonb DEFAULT '{}'::jsonb, p_context jsonb DEFAULT '{}'::jsonb$$,
    'void', 'volatile', null);

set local pm.test_now = '2031-01-02 03:04:05+00';
select core.audit('erase_device', 'device', 'x') \g /dev/null
select results_eq(
    $$
    select created_at, api_key_id, database_role, action, resource_type, resource_id, metadata, ip_address, request_id
    from core.audit_log
    $$,
    $$
    values (
        timestamptz '2031-01-02 03:04:05+00', null::bigint, current_setting('session_authorization'), 'erase_device', 'device', 'x',
        '{}'::jsonb, null::inet, null::text)
    $$,
    'from psql: the role that did it');

delete from core.audit_log;
select core.audit(
    'export_device', 'device', 'x', '{"points": 3}', '{"api_key_id": 7, "ip_address": "2001:db8::1", "request_id": "r-1", "more": 1}') \g /dev/null
select results_eq(
    'select api_key_id, metadata, ip_address, request_id from core.audit_log',
    $$ values (7::bigint, '{"points": 3}'::jsonb, '2001:db8::1'::inet, 'r-1') $$,
    'over HTTP: the key, the address and the request too');

-- Whoever calls a definer, the login counts.
create role test_login in role pm_admin;
select admin.create_api_key('before') \g /dev/null
set session authorization test_login;
select admin.create_api_key('by test_login') \g /dev/null
reset session authorization;
select is(
    (select database_role from core.audit_log order by id desc limit 1), 'test_login', 'the login, not the owner of the function');

select throws_ok($$ select core.audit(null, 'device', 'x') $$, '23502', null, 'no action: refused');
select lives_ok($$ select core.audit('a', 'setting', null) $$, 'no resource id: fine');

prepare refused as select core.audit('a', 'b', 'c', '{}', '{"ip_address": "no address"}');
select throws_ok('execute refused', '22P02', null, 'an address is an address');

select * from finish();
rollback;
