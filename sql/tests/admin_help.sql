-- admin.help

begin;
\ir fixtures.psql
select plan(10);

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
select is_empty($$ select call from admin.help() where char_length(call) > 100 $$, 'and no call too long for a screen');

select is((select call from admin.help() where call like 'admin.help%'), 'admin.help()', 'a call without arguments');
select is((select call from admin.help() where call like 'admin.rotate%'),
    'admin.rotate_api_key(p_id, [p_grace])', 'with an argument that may be left out, and without what comes out');
select is((select call from admin.help() where call like 'admin.deactivate_api%'), 'admin.deactivate_api_key(p_id)', 'with one that may not');
select is(
    (select call from admin.help() where call like 'admin.list_g%'), 'admin.list_groups([p_prefix, p_after, p_limit])',
    'with several that may');
select is((select call from admin.help() where call like '%cleanup_locations%'), 'call jobs.cleanup_locations()', 'a job');

select is(pg_temp.failure('select * from admin.help()', 'pm_admin'), null, 'pm_admin may call it');

select * from finish();
rollback;
