-- call jobs.run(job): runs a job to its end, step by step, each step in a transaction of its own.
--
-- See jobs.continue_run. A run that is killed loses its last step at most: the next run begins anew and finds what is left to do.
--
-- Where a step does not get a lock, it tries again after a pause, for about a minute. Between two steps it pauses nine
-- times as long as the last one took, a second at most: jobs have time, and phones want the processor.
--
-- Errors: what the last step failed with, recorded with the run; PT404 where there is no such job.
--
-- A procedure that commits can have no SET clause, nor its owner's rights: names are qualified, operators are used on exactly
-- the types that they are made for (for others, one in the caller's search_path could fit better), and the work is done by
-- functions that pin their search_path, and trust nothing that a caller tells them.

create procedure jobs.run(p_job_name text)
language plpgsql
as $$
declare
    v_run_id bigint;
    v_more   boolean := true;
    v_pause  float8 := 0;  -- seconds
    v_began  timestamptz;
    v_tries  integer := 0;
    v_error  text;
begin
    commit;  -- fails inside a transaction block, before the job's lock is taken: the lock would outlive the block
    v_run_id := jobs.begin_run(p_job_name);
    if v_run_id is null then
        return;
    end if;
    commit;

    loop
        begin
            perform pg_catalog.pg_sleep(v_pause);
            v_began := pg_catalog.clock_timestamp();
            v_more := jobs.continue_run(v_run_id);
            v_pause := least(9.0 * extract(epoch from pg_catalog.clock_timestamp() - v_began), 1.0);
            v_tries := 0;
            v_error := null;
        exception
            when lock_not_available then
                v_pause := 0.5;
                v_tries := v_tries + 1;
                v_error := sqlerrm;
            when query_canceled or others then  -- "others" alone would leave the lock to a session that was interrupted
                v_tries := 100;
                v_error := sqlerrm;
        end;
        exit when not v_more or v_tries >= 100;
        commit;
    end loop;

    perform jobs.end_run(v_run_id, v_error);
    commit;
    if v_error is not null then
        raise exception '% failed: %', p_job_name, v_error;
    end if;
end
$$;

comment on procedure jobs.run(text) is 'Runs a job to its end, step by step.';
revoke all on procedure jobs.run(text) from public;
grant execute on procedure jobs.run(text) to pm_admin;
