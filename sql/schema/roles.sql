-- Group roles of the service. None can log in: people and programs get a login role of their own
-- that is a member of one of these.
--
--   pm_owner    owns every object; the deploying role becomes a member
--   pm_api      EXECUTE in schema api, nothing else
--   pm_admin    EXECUTE in schemas admin and jobs, nothing else
--   pm_monitor  reads what dashboards show
--
-- Roles belong to the whole cluster, so another database of it may have made them already, perhaps at this very
-- moment. The deploying role needs CREATEROLE only where they are missing, and membership of pm_owner or the right to
-- grant it. Nothing is granted twice, so that a DBA may do it all beforehand.

do $$
declare
    v_role record;
begin
    if current_setting('server_encoding') <> 'UTF8' then
        raise exception 'database % has encoding %, Phone Manager needs UTF8', current_database(), current_setting('server_encoding')
            using hint = 'create database … encoding ''UTF8'' template template0';
    end if;

    for v_role in
        select * from (values
            ('pm_owner', 'owns every object'),
            ('pm_api', 'may call the functions of schema api'),
            ('pm_admin', 'may call the functions of schemas admin and jobs'),
            ('pm_monitor', 'may read the views of dashboards')
        ) r(name, purpose)
    loop
        continue when to_regrole(v_role.name) is not null;
        begin
            execute format('create role %I nologin', v_role.name);
            execute format('comment on role %I is %L', v_role.name, 'Phone Manager: ' || v_role.purpose);
        exception
            when duplicate_object or unique_violation then
                null;  -- made by another deployment, which this one waited for
        end;
    end loop;

    -- Since PostgreSQL 16 whoever makes a role is a member that may not act as it yet.
    if not pg_has_role(
        current_user, 'pm_owner', case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end)
    then
        execute format('grant pm_owner to %I', current_user);
    end if;

    -- TEMPORARY is for refreshing a materialized view concurrently.
    if not (has_database_privilege('pm_owner', current_database(), 'create')
        and has_database_privilege('pm_owner', current_database(), 'temporary'))
    then
        execute format('grant create, temporary on database %I to pm_owner', current_database());
    end if;
end
$$;
