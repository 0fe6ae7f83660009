-- Revert phone_manager:api_export from pg

begin;
set local role pm_owner;

drop function api.export_page(jsonb, timestamptz, integer);
drop function api.export_head(jsonb);
drop function api.begin_export(jsonb, jsonb);

commit;
