-- Revert phone_manager:group_limit from pg

begin;
set local role pm_owner;

drop function core.require_place(text);

commit;
