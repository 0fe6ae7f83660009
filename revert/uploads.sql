-- Revert phone_manager:uploads from pg

begin;
set local role pm_owner;

drop function core.store_locations(uuid, core.point_columns);
drop function core.point_rows(uuid, core.point_columns, timestamptz);
drop function core.parse_points(jsonb, text, jsonb);
drop type core.point_columns;

commit;
