-- core.group_member_counts

begin;
\ir fixtures.psql
select plan(6);

select results_eq(
    $$ select name, type from pg_temp.columns('core.group_member_counts') $$,
    $$ values
        ('group_id', 'core.group_name'), ('active_count', 'bigint'), ('total_count', 'bigint'),
        ('last_activity', 'timestamp with time zone') $$,
    'columns');
select is(
    (select relkind::text || relowner::regrole::text from pg_class where oid = 'core.group_member_counts'::regclass),
    'mpm_owner', 'a materialized view of pm_owner');
select set_eq(
    $$ select pg_temp.keys('core.group_member_counts') $$, array['INDEX btree (group_id)', 'INDEX btree (last_activity DESC)'],
    'indexes');
select is(
    (
        select i.indisunique from pg_index i
        where i.indexrelid = 'core.group_member_counts_group_id'::regclass and i.indpred is null
    ),
    true, 'one is unique, which a concurrent refresh needs');

set local timezone = 'UTC';
set local pm.test_now = '2031-06-30 12:00:00+00';
select pg_temp.device(1, 'one'), pg_temp.device(2, 'one', false), pg_temp.device(3, 'two'), pg_temp.device(4, 'three', false) \g /dev/null
update core.devices set last_seen_at = '2031-06-30 13:00:00+00' where device_id = pg_temp.id(2);
select is_empty('select * from core.group_member_counts', 'not refreshed yet');
refresh materialized view core.group_member_counts;
select is(
    array(select c::text from core.group_member_counts c order by group_id),
    array['(one,1,2,"2031-06-30 13:00:00+00")', '(three,0,1,"2031-06-30 12:00:00+00")', '(two,1,1,"2031-06-30 12:00:00+00")'],
    'active and all devices of a group, and when one was seen last');

select * from finish();
rollback;
