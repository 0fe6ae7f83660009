-- core.now, core.days_ago, core.rfc3339

begin;
\ir fixtures.psql
select plan(18);

select pg_temp.function_is('core.now()', '', 'timestamp with time zone', 'volatile', null);
select pg_temp.function_is('core.days_ago(integer)', 'p_days integer', 'timestamp with time zone', 'volatile', null);
select pg_temp.function_is('core.rfc3339(timestamptz)', 'p_time timestamp with time zone', 'text', 'stable', null);

-- The clock.

select cmp_ok(core.now(), '>=', now(), 'the clock goes on within a transaction');
select isnt(core.now(), (select core.now() from pg_sleep(0.001)), 'two readings differ');

set local pm.test_now = '2031-05-04 03:02:01.5+00';
select is(core.now(), '2031-05-04 03:02:01.5+00', 'a test of the owner sets the clock');
set local pm.test_now = '';
select cmp_ok(core.now() - clock_timestamp(), '<', interval '1 minute', 'an empty setting is no setting');

-- Days are 24 hours long.

set local pm.test_now = '2031-04-02 10:00:00+00';
set local timezone = 'Europe/Vienna';  -- where 30 March had 23 hours
select is(core.days_ago(30), '2031-03-03 10:00:00+00', 'a month back, over a change of clocks');
select is(core.days_ago(0), core.now(), 'no days');
reset timezone;
set local pm.test_now = '';

-- Who may merely call functions cannot move it.

create role test_login in role pm_api, pm_admin, pm_monitor;
grant usage on schema core to test_login;
grant execute on function core.now() to test_login;
create temporary table seen (who text, at timestamptz);
grant insert on seen to test_login;

set local pm.test_now = '2031-05-04 03:02:01.5+00';
set session authorization test_login;
insert into seen values ('login', core.now());
reset session authorization;
select cmp_ok((select at from seen where who = 'login'), '<', '2031-01-01', 'a login outside pm_owner does not move the clock');

set local role test_login;
insert into seen values ('set role', core.now());
reset role;
select is(
    (select at from seen where who = 'set role'), '2031-05-04 03:02:01.5+00',
    'the login counts, not the current role: definers see the same clock');

grant pm_owner to test_login;
set session authorization test_login;
insert into seen values ('owner', core.now());
reset session authorization;
select is((select at from seen where who = 'owner'), '2031-05-04 03:02:01.5+00', 'a member of pm_owner does');

-- Times as text.

select is(core.rfc3339('2025-11-25 10:30:00+00'), '2025-11-25T10:30:00.000Z', 'milliseconds, always');
select is(core.rfc3339('2025-11-25 10:30:00.1239+00'), '2025-11-25T10:30:00.123Z', 'finer parts are cut off');
select is(core.rfc3339('2025-11-25 10:30:00.9999+00'), '2025-11-25T10:30:00.999Z', 'never rounded up into the next second');
select is(core.rfc3339('0987-01-02 03:04:05+00'), '0987-01-02T03:04:05.000Z', 'years have four digits');
select is(core.rfc3339(null), null, 'null stays null');
set local timezone = 'Asia/Kathmandu';
set local datestyle = 'SQL, DMY';
select is(core.rfc3339('2025-11-25 10:30:00+00'), '2025-11-25T10:30:00.000Z', 'in every time zone');

select * from finish();
rollback;
