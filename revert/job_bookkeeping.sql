-- Revert phone_manager:job_bookkeeping from pg

begin;
set local role pm_owner;

drop function jobs.end_run(bigint, text);
drop function jobs.continue_run(bigint);
drop function jobs.begin_run(text);
drop function core.job_session(text);
drop function core.job_lock(text);

commit;
