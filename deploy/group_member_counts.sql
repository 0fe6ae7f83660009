-- Deploy phone_manager:group_member_counts to pg
-- requires: devices

begin;
set local role pm_owner;

\ir ../sql/schema/group_member_counts.sql

commit;
