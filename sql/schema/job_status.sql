-- The jobs for dashboards that ask PostgreSQL themselves. Errors may quote what a job worked on, so they are left out.

create view core.job_status as
select
    r.job_name,
    r.started_at,
    r.ended_at,
    r.error is not null as failed,
    r.rows,
    r.rows_total,
    (
        select max(s.ended_at) from core.job_runs s
        where s.job_name = r.job_name and s.ended_at is not null and s.error is null
    ) as succeeded_at
from (
    select distinct on (l.job_name) l.* from core.job_runs l order by l.job_name, l.started_at desc, l.id desc
) r;

comment on view core.job_status is 'The last run of each job, and when it last succeeded, for dashboards';

grant select on core.job_status to pm_monitor;
