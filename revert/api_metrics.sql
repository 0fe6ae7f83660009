-- Revert phone_manager:api_metrics from pg

begin;
set local role pm_owner;

drop function api.metrics(integer);

commit;
