-- Deploy phone_manager:api_health to pg
-- requires: schemas

begin;
set local role pm_owner;

\ir ../sql/functions/api/health.sql

commit;
