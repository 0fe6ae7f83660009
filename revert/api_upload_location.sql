-- Revert phone_manager:api_upload_location from pg

begin;
set local role pm_owner;

drop function api.upload_location(jsonb, jsonb);

commit;
