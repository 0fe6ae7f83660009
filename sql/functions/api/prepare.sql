-- api.prepare(settings): what an instance of the API does once when it starts.
--
-- p_settings: {name: value} of core.settings that its configuration sets; a change is audited.
-- Then makes the partitions that are missing. One that is busy is left to the job: points have the default partition.
--
-- Errors: PT400 for an unknown setting or a value out of its range.

create function api.prepare(p_settings jsonb default '{}') returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform core.change_setting(s.key, s.value) from jsonb_each_text(p_settings) s order by s.key;
    perform core.ensure_partitions(8);  -- today and the week to come; what is missing behind it waits for the job
end
$$;

comment on function api.prepare(jsonb) is 'Start-up of an instance: writes its configured settings, makes missing partitions.';
revoke all on function api.prepare(jsonb) from public;
grant execute on function api.prepare(jsonb) to pm_api;
