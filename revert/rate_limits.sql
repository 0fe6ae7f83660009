-- Revert phone_manager:rate_limits from pg

begin;
set local role pm_owner;

drop table core.rate_limits;

commit;
