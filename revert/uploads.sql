-- Revert phone_manager:uploads from pg

begin;
set local role pm_owner;

drop function core.store_locations(uuid, jsonb);
drop function core.points(jsonb);

commit;
