-- Deploy phone_manager:api_upload_many to pg
-- requires: uploads

begin;
set local role pm_owner;

\ir ../sql/functions/api/upload_location_many.sql
\ir ../sql/functions/api/upload_locations_many.sql

commit;
