-- Deploy phone_manager:settings to pg
-- requires: schemas

begin;
set local role pm_owner;

\ir ../sql/schema/settings.sql

commit;
