-- Revert phone_manager:jobs_ensure_partitions from pg

begin;
set local role pm_owner;

drop procedure jobs.ensure_partitions();
drop function jobs.ensure_partitions_step(jsonb);

commit;
