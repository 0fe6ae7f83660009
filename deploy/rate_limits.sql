-- Deploy phone_manager:rate_limits to pg
-- requires: domains
-- requires: api_keys

begin;
set local role pm_owner;

\ir ../sql/schema/rate_limits.sql

commit;
