-- Deploy phone_manager:api_upload_locations to pg
-- requires: validation
-- requires: uploads
-- requires: replays

begin;
set local role pm_owner;

\ir ../sql/functions/api/upload_locations.sql

commit;
