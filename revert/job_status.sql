-- Revert phone_manager:job_status from pg

begin;
set local role pm_owner;

drop view core.job_status;

commit;
