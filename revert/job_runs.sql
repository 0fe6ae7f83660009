-- Revert phone_manager:job_runs from pg

begin;
set local role pm_owner;

drop table core.job_runs;

commit;
