-- call jobs.refresh_group_counts(): renews the numbers of core.group_member_counts. Hourly.
--
-- See jobs.run for how, jobs.refresh_group_counts_step for what. Rows of a run: groups.

create procedure jobs.refresh_group_counts()
language plpgsql
as $$
begin
    call jobs.run('refresh_group_counts');
end
$$;

comment on procedure jobs.refresh_group_counts() is 'Renews the numbers of groups for dashboards.';
revoke all on procedure jobs.refresh_group_counts() from public;
grant execute on procedure jobs.refresh_group_counts() to pm_admin;
