-- call jobs.cleanup_locations(): removes what is past retention. Hourly.
--
-- See jobs.run for how, jobs.cleanup_locations_step for what. Rows of a run: points removed.

create procedure jobs.cleanup_locations()
language plpgsql
as $$
begin
    call jobs.run('cleanup_locations');
end
$$;

comment on procedure jobs.cleanup_locations() is 'Removes points and last locations past retention.';
revoke all on procedure jobs.cleanup_locations() from public;
grant execute on procedure jobs.cleanup_locations() to pm_admin;
