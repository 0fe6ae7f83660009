-- Revert phone_manager:jobs_refresh_group_counts from pg

begin;
set local role pm_owner;

drop procedure jobs.refresh_group_counts();
drop function jobs.refresh_group_counts_step(jsonb);

commit;
