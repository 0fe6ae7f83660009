-- Revert phone_manager:job_bookkeeping from pg

begin;
set local role pm_owner;

drop function jobs.end_run(bigint, text);
drop function jobs.record_progress(bigint, bigint);
drop function jobs.begin_run(text);

commit;
