-- Deploy phone_manager:admin_help to pg
-- requires: schemas

begin;
set local role pm_owner;

\ir ../sql/functions/admin/help.sql

commit;
