-- What a DBA does once in a new database, before sqitch: pg_cron, and the login of the API.
-- sql/schema/roles.sql has run already. Run by the image's entry point in database phone_manager.

\set ON_ERROR_STOP on
\getenv password PM_API_PASSWORD
select :{?password} as given \gset
\if :given
\else
    \echo 'PM_API_PASSWORD is not set: it is the password of the login role phone_manager_api'
    select 1 / 0 as "PM_API_PASSWORD is missing";
\endif

create extension pg_cron;
create extension pg_stat_statements;

create role phone_manager_api login password :'password' in role pm_api;
