-- call jobs.cleanup_idempotency_keys(): removes stored answers past their time. Hourly.
--
-- See jobs.run for how, jobs.cleanup_idempotency_keys_step for what. Rows of a run: answers removed.

create procedure jobs.cleanup_idempotency_keys()
language plpgsql
as $$
begin
    call jobs.run('cleanup_idempotency_keys');
end
$$;

comment on procedure jobs.cleanup_idempotency_keys() is 'Removes stored answers past their time.';
revoke all on procedure jobs.cleanup_idempotency_keys() from public;
grant execute on procedure jobs.cleanup_idempotency_keys() to pm_admin;
