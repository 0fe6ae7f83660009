-- Deploy phone_manager:locks to pg
-- requires: schemas

begin;
set local role pm_owner;

\ir ../sql/functions/core/lock_name.sql

commit;
