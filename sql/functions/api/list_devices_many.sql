-- api.list_devices_many(requests): what api.list_devices answers to several requests, in one go.
--
-- A row for each that is good, by its position from 1; the others are to be asked alone.

create function api.list_devices_many(p_requests jsonb[]) returns table (request integer, answer text)
language plpgsql volatile rows 50 security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select r.request::integer, core.group_listing(r.body ->> 'group_id')
    from unnest(p_requests) with ordinality r(body, request)
    where core.group_id_errors(r.body) = '[]';
end
$$;

comment on function api.list_devices_many(jsonb[]) is 'The listings of several requests in one go.';
revoke all on function api.list_devices_many(jsonb[]) from public;
grant execute on function api.list_devices_many(jsonb[]) to pm_api;
