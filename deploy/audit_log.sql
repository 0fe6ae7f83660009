-- Deploy phone_manager:audit_log to pg
-- requires: schemas

begin;
set local role pm_owner;

\ir ../sql/schema/audit_log.sql

commit;
