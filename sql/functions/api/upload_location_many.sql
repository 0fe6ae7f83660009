-- api.upload_location_many(requests): stores the points of several requests in one go, see core.store_together.
--
-- p_requests: each as for api.upload_location, without a context. A row for each that is stored, by its position from 1;
-- the others are to be uploaded alone. Where it fails, all of them are.
--
-- Locks: the rows of devices that are free, then the points. Errors: those of core.read_points, and of bad JSON types.

create function api.upload_location_many(p_requests jsonb[]) returns table (request integer, answer json, counted integer)
language plpgsql volatile rows 50 security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select s.request, s.answer, s.counted
    from (
        select
            array_agg(core.parse_uuid(r.body ->> 'device_id') order by r.request) as devices,
            array_agg(jsonb_build_array(r.body) order by r.request) as lists
        from unnest(p_requests) with ordinality r(body, request)
    ) u
    cross join lateral core.store_together(u.devices, u.lists) s;
end
$$;

comment on function api.upload_location_many(jsonb[]) is 'Stores the points of several requests in one go, as far as that is plain.';
revoke all on function api.upload_location_many(jsonb[]) from public;
grant execute on function api.upload_location_many(jsonb[]) to pm_api;
