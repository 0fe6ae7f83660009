-- Deploy phone_manager:api_prepare to pg
-- requires: change_setting
-- requires: partitions

begin;
set local role pm_owner;

\ir ../sql/functions/api/prepare.sql

commit;
