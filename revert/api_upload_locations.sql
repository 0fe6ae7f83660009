-- Revert phone_manager:api_upload_locations from pg

begin;
set local role pm_owner;

drop function api.upload_locations(jsonb, jsonb);

commit;
