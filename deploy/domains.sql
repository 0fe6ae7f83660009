-- Deploy phone_manager:domains to pg
-- requires: clock_and_text

begin;
set local role pm_owner;

\ir ../sql/schema/domains.sql

commit;
