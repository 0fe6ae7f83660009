-- The four rooms of the database.

create schema core;
comment on schema core is 'Tables, views and internal functions. Nobody outside may touch them.';

create schema api;
comment on schema api is 'The functions that the REST layer calls: one per endpoint.';

create schema admin;
comment on schema admin is 'Functions for operators in psql. Start with: select * from admin.help();';

create schema jobs;
comment on schema jobs is 'Scheduled work, run by pg_cron or any other scheduler, or by hand with CALL.';

grant usage on schema api to pm_api;
grant usage on schema admin, jobs to pm_admin;
grant usage on schema core to pm_monitor;
