-- Deploy phone_manager:audit to pg
-- requires: clock_and_text
-- requires: audit_log

begin;
set local role pm_owner;

\ir ../sql/functions/core/audit.sql

commit;
