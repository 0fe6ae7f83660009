-- jobs.cleanup_audit_log_step(position): removes up to 10,000 audit entries past their retention, the oldest first; in
-- the last step also the runs of jobs that are as old.
--
-- Entries are found by their place (ctid), which holds since none is ever changed: of so many ids the planner would rather read
-- the whole log, in every step. The last run of each job stays, since the next one's rows_total goes on from there.
-- handled: audit entries.

create function jobs.cleanup_audit_log_step(p_position jsonb, out next_position jsonb, out handled bigint)
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_cutoff timestamptz := (select core.days_ago(s.audit_retention_days) from core.settings s);
begin
    delete from core.audit_log a
    where a.ctid = any (array(
        select o.ctid
        from core.audit_log o
        where o.created_at < v_cutoff
        order by o.created_at
        limit 10000));
    get diagnostics handled = row_count;

    if handled = 10000 then
        next_position := coalesce(p_position, '{}');
        return;
    end if;

    delete from core.job_runs r
    where r.ended_at < v_cutoff
        and exists (select from core.job_runs l where l.job_name = r.job_name and l.started_at > r.started_at);
end
$$;

comment on function jobs.cleanup_audit_log_step(jsonb) is 'A step of jobs.cleanup_audit_log: removes up to 10,000 entries.';
revoke all on function jobs.cleanup_audit_log_step(jsonb) from public;
