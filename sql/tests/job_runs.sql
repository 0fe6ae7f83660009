-- core.job_runs

begin;
\ir fixtures.psql
select plan(6);

select results_eq(
    $$ select * from pg_temp.columns('core.job_runs') $$,
    $$ values
        ('id', 'bigint', true, 'identity'),
        ('job_name', 'text', true, null),
        ('started_at', 'timestamp with time zone', true, 'now()'),
        ('ended_at', 'timestamp with time zone', false, null),
        ('rows', 'bigint', true, '0'),
        ('error', 'text', false, null),
        ('rows_total', 'bigint', true, '0'),
        ('next_position', 'jsonb', false, null) $$,
    'columns');
select set_eq(
    $$ select pg_temp.keys('core.job_runs') $$,
    array[
        'PRIMARY KEY (id)', 'INDEX btree (job_name, started_at DESC)',
        'INDEX btree (job_name, started_at DESC) WHERE ((ended_at IS NOT NULL) AND (error IS NULL))'],
    'keys, and indexes for the last runs of a job, and for its last success');
select lives_ok($$ insert into core.job_runs (job_name) values ('a') $$, 'a run that begins');
select throws_ok($$ insert into core.job_runs (job_name) values (null) $$, '23502', null, 'a run is of a job');
select throws_ok($$ insert into core.job_runs (job_name, rows) values ('a', -1) $$, '23514', null, 'no negative number of rows');
select throws_ok($$ insert into core.job_runs (job_name, rows_total) values ('a', -1) $$, '23514', null, 'nor of all of them');

select * from finish();
rollback;
