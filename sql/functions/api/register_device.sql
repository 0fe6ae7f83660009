-- api.register_device(request): registers a device, or changes its registration. An upsert by device_id.
--
-- p_request: {"device_id", "display_name", "group_id", "platform"?, "fcm_token"?}; a platform or token left out keeps
-- its value, a token of null is cleared. A known device of another group moves with its history; an inactive one
-- becomes active again.
-- Answer: {"device_id", "display_name", "group_id", "created_at", "updated_at"}; counted: 1 where the device is new, else 0.
--
-- Locks: the group, then the device's row.
-- Errors: PT400; PT409 where the device would join a full group.

create function api.register_device(p_request jsonb, out answer json, out counted integer)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_now     timestamptz := core.now();
    v_request record;
    v_known   core.devices;
    v_device  core.devices;
begin
    perform core.require_object(p_request);
    perform core.require_valid(core.registration_errors(p_request));

    select
        core.parse_uuid(p_request ->> 'device_id') as device_id,
        core.trim_blanks(p_request ->> 'display_name') as display_name,
        p_request ->> 'group_id' as group_id,
        p_request ->> 'platform' as platform,
        p_request ->> 'fcm_token' as fcm_token,
        p_request ? 'fcm_token' as sets_token
    into v_request;

    perform core.lock_name('group', v_request.group_id);

    select d.* into v_known from core.devices d where d.device_id = v_request.device_id for no key update;

    if v_known.group_id is distinct from v_request.group_id or not v_known.active then
        perform core.require_place(v_request.group_id);
    end if;

    insert into core.devices as d
        (device_id, display_name, group_id, platform, fcm_token, active, last_seen_at, created_at, updated_at)
    values (
        v_request.device_id, v_request.display_name, v_request.group_id, coalesce(v_request.platform, 'android'),
        v_request.fcm_token, true, v_now, v_now, v_now)
    on conflict (device_id) do update
    set display_name = excluded.display_name,
        group_id = excluded.group_id,
        platform = coalesce(v_request.platform, d.platform),
        fcm_token = case when v_request.sets_token then excluded.fcm_token else d.fcm_token end,
        active = true,
        last_seen_at = excluded.last_seen_at,
        updated_at = case
            when (d.display_name, d.group_id, d.platform, d.fcm_token, d.active) is not distinct from (
                excluded.display_name,
                excluded.group_id,
                coalesce(v_request.platform, d.platform),
                case when v_request.sets_token then excluded.fcm_token else d.fcm_token end,
                true)
            then d.updated_at
            else excluded.updated_at
        end
    returning d.* into v_device;

    -- Where another session made the same device meanwhile, in another group, it is not new.
    counted := (v_known.device_id is null and v_device.created_at = v_now)::integer;
    answer := json_build_object(
        'device_id', v_device.device_id,
        'display_name', v_device.display_name,
        'group_id', v_device.group_id,
        'created_at', core.rfc3339(v_device.created_at),
        'updated_at', core.rfc3339(v_device.updated_at));
end
$$;

comment on function api.register_device(jsonb) is 'Registers a device, moves it, reactivates it, or changes its registration.';
revoke all on function api.register_device(jsonb) from public;
grant execute on function api.register_device(jsonb) to pm_api;
