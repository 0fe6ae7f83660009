-- Deploy phone_manager:schemas to pg
-- requires: roles

begin;
set local role pm_owner;

\ir ../sql/schema/schemas.sql

commit;
