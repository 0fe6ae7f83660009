-- Revert phone_manager:partitions from pg

-- The partitions that were made stay: their points belong to core.locations, and go with it.

begin;
set local role pm_owner;

drop function core.ensure_partitions(integer);
drop function core.create_partition(date);
drop function core.missing_partitions();
drop function core.partition_day(text);
drop function core.partition_name(date);

commit;
