-- Revert phone_manager:jobs_cleanup_locations from pg

begin;
set local role pm_owner;

drop procedure jobs.cleanup_locations();
drop function jobs.cleanup_locations_step(jsonb);

commit;
