-- Revert phone_manager:api_upload_many from pg

begin;
set local role pm_owner;

drop function api.upload_locations_many(jsonb[]);
drop function api.upload_location_many(jsonb[]);

commit;
