-- call jobs.cleanup_locations(): removes what is past retention. Hourly.
--
-- Drops partitions wholly past retention, deletes other points past it in batches of at most 10,000, and clears last
-- locations past it. Each step is a transaction of its own, so a killed run loses nothing and the next goes on; a busy
-- table is tried again for a minute.
--
-- A procedure that commits can have no SET clause: names are qualified, and the work is done by functions that pin
-- their search_path. Rows of the run: points deleted and last locations cleared.

create procedure jobs.cleanup_locations()
language plpgsql
as $$
declare
    v_run_id   bigint;
    v_tries    integer := 0;
    v_position jsonb;
    v_step     record;
    v_error    text;
begin
    commit;  -- fails inside a transaction block, before the job's lock is taken: the lock would outlive the block
    v_run_id := jobs.begin_run('cleanup_locations');
    if v_run_id is null then
        return;
    end if;
    commit;

    loop
        begin
            if v_tries > 0 then
                perform pg_catalog.pg_sleep(0.5);
            end if;
            select s.next_position, s.handled into v_step from jobs.cleanup_locations_step(v_position) s;
            v_position := v_step.next_position;
            v_tries := 0;
            perform jobs.record_progress(v_run_id, v_step.handled);
        exception
            when lock_not_available then
                v_tries := v_tries + 1;
                v_error := sqlerrm;
            when query_canceled or others then  -- "others" alone would leave the lock to a session that was interrupted
                v_tries := 1000;
                v_error := sqlerrm;
        end;
        exit when (v_tries = 0 and v_position is null) or v_tries >= 100;
        commit;
    end loop;

    perform jobs.end_run(v_run_id, case when v_tries > 0 then v_error end);
    commit;
    if v_tries > 0 then
        raise exception 'cleanup_locations failed: %', v_error;
    end if;
end
$$;

comment on procedure jobs.cleanup_locations() is 'Removes points and last locations past retention.';
revoke all on procedure jobs.cleanup_locations() from public;
grant execute on procedure jobs.cleanup_locations() to pm_admin;
