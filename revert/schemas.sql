-- Revert phone_manager:schemas from pg

begin;
set local role pm_owner;

drop schema jobs;
drop schema admin;
drop schema api;
drop schema core;

commit;
