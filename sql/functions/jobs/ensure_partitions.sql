-- call jobs.ensure_partitions(): makes the partitions from retention days back to 7 days ahead. Daily.
--
-- Points of such days move home from the default partition. Each partition is a transaction of its own; a busy
-- table is tried again for a minute.
--
-- A procedure that commits can have no SET clause: names are qualified, and the work is done by functions that pin
-- their search_path. Rows of the run: points moved.

create procedure jobs.ensure_partitions()
language plpgsql
as $$
declare
    v_run_id bigint;
    v_tries  integer := 0;
    v_moved  bigint;
    v_error  text;
begin
    commit;  -- fails inside a transaction block, before the job's lock is taken: the lock would outlive the block
    v_run_id := jobs.begin_run('ensure_partitions');
    if v_run_id is null then
        return;
    end if;
    commit;

    loop
        begin
            if v_tries > 0 then
                perform pg_catalog.pg_sleep(0.4);
            end if;
            v_moved := jobs.ensure_partitions_step();
            v_tries := 0;
        exception
            when lock_not_available then
                v_tries := v_tries + 1;
                v_moved := 0;
                v_error := sqlerrm;
            when query_canceled or others then  -- "others" alone would leave the lock to a session that was interrupted
                v_tries := 1000;
                v_error := sqlerrm;
        end;
        exit when v_moved is null or v_tries >= 100;
        perform jobs.record_progress(v_run_id, v_moved);
        commit;
    end loop;

    perform jobs.end_run(v_run_id, case when v_tries > 0 then v_error end);
    commit;
    if v_tries > 0 then
        raise exception 'ensure_partitions failed: %', v_error;
    end if;
end
$$;

comment on procedure jobs.ensure_partitions() is 'Makes the partitions from retention days back to 7 days ahead; moves points home from the default one.';
revoke all on procedure jobs.ensure_partitions() from public;
grant execute on procedure jobs.ensure_partitions() to pm_admin;
