-- Deploy phone_manager:roles to pg

begin;

\ir ../sql/schema/roles.sql

commit;
