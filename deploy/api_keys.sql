-- Deploy phone_manager:api_keys to pg
-- requires: schemas

begin;
set local role pm_owner;

\ir ../sql/schema/api_keys.sql

commit;
