-- Revert phone_manager:uploads from pg

begin;
set local role pm_owner;

drop function core.store_together(uuid[], jsonb[]);
drop function core.store_locations(uuid, core.point_columns);
drop function core.store_points(uuid[], core.point_columns, boolean);
drop function core.upload_answer(integer, integer);
drop function core.batch_error(jsonb);
drop function core.parse_points(jsonb, text, jsonb);
drop function core.read_points(jsonb[], timestamptz);
drop type core.point_columns;

commit;
