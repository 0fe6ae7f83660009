-- Revert phone_manager:group_member_counts from pg

begin;
set local role pm_owner;

drop materialized view core.group_member_counts;

commit;
