-- Deploy phone_manager:jobs_cleanup_idempotency_keys to pg
-- requires: replays
-- requires: jobs_run

begin;
set local role pm_owner;

\ir ../sql/functions/jobs/cleanup_idempotency_keys_step.sql
\ir ../sql/functions/jobs/cleanup_idempotency_keys.sql

commit;
