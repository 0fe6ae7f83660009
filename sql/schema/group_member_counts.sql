-- Numbers for dashboards, as of the last refresh; the group limit never reads them.

create materialized view core.group_member_counts as
select
    d.group_id,
    count(*) filter (where d.active) as active_count,
    count(*) as total_count,
    max(d.last_seen_at) as last_activity
from core.devices d
group by d.group_id;

-- refresh … concurrently needs it.
create unique index group_member_counts_group_id on core.group_member_counts (group_id);

-- The groups that were active last, without reading all.
create index group_member_counts_last_activity on core.group_member_counts (last_activity desc);

comment on materialized view core.group_member_counts is 'Devices per group, for dashboards, as of the last refresh; decides nothing';

grant select on core.group_member_counts to pm_monitor;
