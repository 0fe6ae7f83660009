-- admin.help

begin;
\ir fixtures.psql
select plan(8);

select pg_temp.function_is('admin.help()', '', 'TABLE(call text, description text)', 'stable definer', 'pm_admin');

select set_eq(
    $$ select regexp_replace(call, '^call |\(.*', '', 'g') from admin.help() $$,
    $$
    select format('%I.%I', n.nspname, p.proname)
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname = 'admin' or (n.nspname = 'jobs' and p.prokind = 'p')
    $$,
    'every function of admin, every job');
select is_empty(
    $$ select call from admin.help() where description is null or description !~ '^[A-Z].{9,118}\.$' $$, 'each with one line');
select is_empty(
    $$ select call from admin.help() where call ~ '::|OUT |timestamp with|double precision' $$,
    'arguments as one would write them');

select is((select call from admin.help() where call like 'admin.help%'), 'admin.help()', 'without arguments');
select is((select call from admin.help() where call like 'admin.rotate%'),
    'admin.rotate_api_key(p_id bigint, p_grace interval DEFAULT ''24:00:00'')', 'with arguments');
select is((select call from admin.help() where call like '%cleanup_locations%'), 'call jobs.cleanup_locations()', 'a job');

select is(pg_temp.failure('select * from admin.help()', 'pm_admin'), null, 'pm_admin may call it');

select * from finish();
rollback;
