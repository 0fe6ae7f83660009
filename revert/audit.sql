-- Revert phone_manager:audit from pg

begin;
set local role pm_owner;

drop function core.audit(text, text, text, jsonb, jsonb);

commit;
