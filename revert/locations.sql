-- Revert phone_manager:locations from pg

-- The partitions go with it.

begin;
set local role pm_owner;

drop table core.locations;

commit;
