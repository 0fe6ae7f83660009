-- Group roles of the service. None can log in: people and programs get a login role of their own
-- that is a member of one of these.
--
--   pm_owner    owns every object; the deploying role becomes a member
--   pm_api      EXECUTE in schema api, nothing else
--   pm_admin    EXECUTE in schemas admin and jobs, nothing else
--   pm_monitor  reads what dashboards show
--
-- Roles belong to the whole cluster, so another database of it may have made them already,
-- perhaps at this very moment.

do $$
declare
    v_role text;
begin
    foreach v_role in array array['pm_owner', 'pm_api', 'pm_admin', 'pm_monitor'] loop
        if to_regrole(v_role) is null then
            begin
                execute format('create role %I nologin', v_role);
            exception
                when duplicate_object or unique_violation then
                    null;
            end;
        end if;
    end loop;

    if not pg_has_role(current_user, 'pm_owner', 'member') then
        execute format('grant pm_owner to %I', current_user);
    end if;

    if current_setting('server_encoding') <> 'UTF8' then
        raise exception 'database % has encoding %, Phone Manager needs UTF8', current_database(), current_setting('server_encoding')
            using hint = 'create database … encoding ''UTF8'' template template0';
    end if;

    execute format('grant create, temporary on database %I to pm_owner', current_database());
end
$$;

comment on role pm_owner is 'Phone Manager: owns every object';
comment on role pm_api is 'Phone Manager: may call the functions of schema api';
comment on role pm_admin is 'Phone Manager: may call the functions of schemas admin and jobs';
comment on role pm_monitor is 'Phone Manager: may read the views of dashboards';
