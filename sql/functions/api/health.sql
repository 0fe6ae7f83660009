-- api.health(): says which version of the schema is there, and so that the database answers.
--
-- schema_version grows by one with each change that the API of its release needs; an API runs against
-- its own version and every later one. read_only: nothing can be stored, as on a server in recovery.

create function api.health() returns json
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select json_build_object(
        'schema_version', 1,
        'read_only', current_setting('transaction_read_only')::boolean);
$$;

comment on function api.health() is 'Version of the schema, for the readiness check.';
revoke all on function api.health() from public;
grant execute on function api.health() to pm_api;
