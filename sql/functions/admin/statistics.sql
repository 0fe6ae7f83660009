-- admin.statistics(): the service in numbers.
--
-- Example:
--   select * from admin.statistics();
--
-- Points and answers are PostgreSQL's own estimates, as in admin.storage_report: counting would read them all.

create function admin.statistics() returns table (name text, value bigint)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_now     timestamptz := core.now();
    v_devices record;
    v_storage record;
begin
    select
        count(*) filter (where d.active) as active,
        count(*) filter (where not d.active) as inactive,
        count(*) filter (where d.active and d.last_seen_at > v_now - interval '1 hour') as seen_within_hour,
        count(*) filter (where d.active and d.last_seen_at > v_now - interval '1 day') as seen_within_day,
        count(distinct d.group_id) filter (where d.active) as groups
    into v_devices
    from core.devices d;

    select
        sum(r.rows_estimate) filter (where r.name = 'locations') as points,
        sum(r.rows_estimate) filter (where r.name = 'idempotency_keys') as answers
    into v_storage
    from admin.storage_report() r;

    return query values
        ('groups with active devices', v_devices.groups),
        ('devices, active', v_devices.active),
        ('devices, active, seen within an hour', v_devices.seen_within_hour),
        ('devices, active, seen within a day', v_devices.seen_within_day),
        ('devices, inactive', v_devices.inactive),
        ('points (estimate)', v_storage.points::bigint),
        ('points without a partition', (select count(*) from core.locations_default)),
        ('stored answers (estimate)', v_storage.answers::bigint),
        ('API keys, valid', (
            select count(*) from core.api_keys k where k.is_active and (k.expires_at is null or k.expires_at > v_now))),
        ('job runs failed within a day', (
            select count(*) from core.job_runs r where r.error is not null and r.started_at > v_now - interval '1 day'));
end
$$;

comment on function admin.statistics() is 'Shows the service in numbers.';
revoke all on function admin.statistics() from public;
grant execute on function admin.statistics() to pm_admin;
