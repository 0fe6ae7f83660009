-- Deploy phone_manager:api_admit to pg
-- requires: clock_and_text
-- requires: settings
-- requires: api_keys
-- requires: rate_limits

begin;
set local role pm_owner;

\ir ../sql/functions/api/admit.sql

commit;
