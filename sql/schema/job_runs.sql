-- History of the jobs.

create table core.job_runs (
    id            bigint generated always as identity primary key,
    job_name      text not null,
    started_at    timestamptz not null default now(),
    ended_at      timestamptz,
    rows          bigint not null default 0 check (rows >= 0),
    error         text,
    rows_total    bigint not null default 0 check (rows_total >= 0),
    next_position jsonb
);

create index job_runs_by_job on core.job_runs (job_name, started_at desc);

-- The last success of a job, however often it failed since.
create index job_runs_successes on core.job_runs (job_name, started_at desc) where ended_at is not null and error is null;

comment on table core.job_runs is 'Runs of the jobs: running while ended_at is null, failed where error is set';
comment on column core.job_runs.rows is 'Rows handled so far';
comment on column core.job_runs.rows_total is 'Rows that all runs of this job handled, up to this one: a counter that outlives its history';
comment on column core.job_runs.next_position is 'Where the run goes on, see jobs.continue_run; null: at the beginning, or nowhere any more';
