-- Revert phone_manager:locks from pg

begin;
set local role pm_owner;

drop function core.lock_name(text, text);

commit;
