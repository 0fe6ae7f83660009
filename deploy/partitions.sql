-- Deploy phone_manager:partitions to pg
-- requires: clock_and_text
-- requires: settings
-- requires: locations
-- requires: locks

begin;
set local role pm_owner;

\ir ../sql/functions/core/partition_name.sql
\ir ../sql/functions/core/partition_day.sql
\ir ../sql/functions/core/missing_partitions.sql
\ir ../sql/functions/core/create_partition.sql
\ir ../sql/functions/core/ensure_partitions.sql

-- Points that arrive from now on find the partition of their day.
do $$ begin perform core.ensure_partitions(); end $$;

commit;
