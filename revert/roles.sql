-- Revert phone_manager:roles from pg

-- Roles belong to the whole cluster: while another database needs one of them, or where the reverting role may not drop
-- them, all stay.

begin;

do $$
begin
    execute format('revoke create, temporary on database %I from pm_owner', current_database());
    begin
        drop role pm_monitor, pm_admin, pm_api, pm_owner;
    exception
        when dependent_objects_still_exist or insufficient_privilege then
            raise notice 'The roles pm_owner, pm_api, pm_admin and pm_monitor stay: %.', sqlerrm;
    end;
end
$$;

commit;
