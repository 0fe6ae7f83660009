-- core.require_place(group): refuses a device that would join a full group.
--
-- The caller holds the group's lock (core.lock_name('group', …)) and calls this before a device becomes an active
-- member, whichever way: new, moved or reactivated.
-- Errors: PT409.

create function core.require_place(p_group_id text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_limit  integer := (select s.max_devices_per_group from core.settings s);
    v_active bigint := (select count(*) from core.devices d where d.group_id = p_group_id and d.active);
begin
    if v_active >= v_limit then
        raise exception using
            errcode = 'PT409',
            message = format('Group has reached maximum device limit (%s)', v_limit),
            hint = format('select * from admin.list_devices(p_group_id => %L);  -- one of these may leave', p_group_id);
    end if;
end
$$;

comment on function core.require_place(text) is 'Refuses a device that would join a full group.';
revoke all on function core.require_place(text) from public;
