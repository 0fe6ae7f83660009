-- call jobs.cleanup_rate_limits(): removes windows of the rate limit that nobody uses. Hourly.
--
-- See jobs.run for how, jobs.cleanup_rate_limits_step for what. Rows of a run: windows removed.

create procedure jobs.cleanup_rate_limits()
language plpgsql
as $$
begin
    call jobs.run('cleanup_rate_limits');
end
$$;

comment on procedure jobs.cleanup_rate_limits() is 'Removes windows of the rate limit that nobody uses.';
revoke all on procedure jobs.cleanup_rate_limits() from public;
grant execute on procedure jobs.cleanup_rate_limits() to pm_admin;
