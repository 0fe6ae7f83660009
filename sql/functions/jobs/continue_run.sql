-- jobs.continue_run(run): does the next step of a run, and records it; true where another one is to follow.
--
-- A step, jobs.<job>_step(position), does a bounded piece of work and returns the position of the next step, null at the end,
-- and the rows it handled. The position is kept in core.job_runs, and with the last step a run has succeeded: so a run
-- that is recorded as a success has done its work, whoever called this.
--
-- All see the rows in core.job_runs once the caller commits, and at once in the session's application_name.
--
-- Locks: a step waits 50 ms for a lock, then fails. Uploads queue behind a table lock that a step waits for, so they are held up
-- that long at most; and since PostgreSQL looks for deadlocks after a second only, it is never an upload that fails for one.
-- Errors: PT409 where the session has no such run under way; 55P03 (lock_not_available); what the step fails with.

create function jobs.continue_run(p_run_id bigint) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
declare
    v_run     core.job_runs;
    v_next    jsonb;
    v_handled bigint;
begin
    select r.* into v_run from core.job_runs r where r.id = p_run_id and r.ended_at is null;
    if core.job_session(v_run.job_name) = pg_backend_pid() is not true then
        raise exception using
            errcode = 'PT409',
            message = format('Run %s is not under way in this session.', coalesce(p_run_id::text, 'null')),
            hint = 'Jobs are called as a whole: call jobs.cleanup_locations();';
    end if;

    execute format('select s.next_position, s.handled from jobs.%I($1) s', v_run.job_name || '_step')
    into strict v_next, v_handled
    using v_run.next_position;

    update core.job_runs r
    set rows = r.rows + v_handled,
        rows_total = r.rows_total + v_handled,
        next_position = v_next,
        ended_at = case when v_next is null then clock_timestamp() end
    where r.id = p_run_id
    returning r.* into v_run;

    if v_handled > 0 then
        perform set_config('application_name', format('phone-manager job %s: %s rows', v_run.job_name, v_run.rows), false);
    end if;
    return v_next is not null;
end
$$;

comment on function jobs.continue_run(bigint) is 'Does the next step of a run of this session; true where another one is to follow.';
revoke all on function jobs.continue_run(bigint) from public;
grant execute on function jobs.continue_run(bigint) to pm_admin;
