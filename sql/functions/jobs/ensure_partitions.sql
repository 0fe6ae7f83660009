-- call jobs.ensure_partitions(): makes the partitions from retention days back to 7 days ahead. Daily.
--
-- See jobs.run for how, jobs.ensure_partitions_step for what. Rows of a run: points moved home from the default partition.

create procedure jobs.ensure_partitions()
language plpgsql
as $$
begin
    call jobs.run('ensure_partitions');
end
$$;

comment on procedure jobs.ensure_partitions() is 'Makes the partitions from retention days back to 7 days ahead; moves points home from the default one.';
revoke all on procedure jobs.ensure_partitions() from public;
grant execute on procedure jobs.ensure_partitions() to pm_admin;
