-- Deploy phone_manager:replays to pg
-- requires: clock_and_text
-- requires: settings
-- requires: idempotency_keys
-- requires: locks

begin;
set local role pm_owner;

\ir ../sql/functions/core/fingerprint.sql
\ir ../sql/functions/core/find_replay.sql
\ir ../sql/functions/core/store_answer.sql

commit;
