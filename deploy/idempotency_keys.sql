-- Deploy phone_manager:idempotency_keys to pg
-- requires: devices
-- requires: api_keys

begin;
set local role pm_owner;

\ir ../sql/schema/idempotency_keys.sql

commit;
