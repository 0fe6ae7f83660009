-- Revert phone_manager:audit_log from pg

begin;
set local role pm_owner;

drop table core.audit_log;

commit;
