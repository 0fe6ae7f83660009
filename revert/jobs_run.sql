-- Revert phone_manager:jobs_run from pg

begin;
set local role pm_owner;

drop procedure jobs.run(text);

commit;
