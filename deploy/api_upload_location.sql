-- Deploy phone_manager:api_upload_location to pg
-- requires: validation
-- requires: uploads
-- requires: replays

begin;
set local role pm_owner;

\ir ../sql/functions/api/upload_location.sql

commit;
