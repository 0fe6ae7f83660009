-- core.parse_points(points, prefix, errors): reads the points of an upload, or refuses them with all their errors.
--
-- p_points: JSON array of 1 or more. p_prefix: see core.location_errors. p_errors: what else is wrong with the request.
-- Errors: PT400.

create function core.parse_points(p_points jsonb, p_prefix text, p_errors jsonb) returns core.point_columns
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_now timestamptz := core.now();
begin
    if p_errors = '[]' then
        begin
            return core.read_points(array[p_points], v_now);
        exception
            when data_exception or check_violation then
                null;
        end;
    end if;

    perform core.require_valid(p_errors || core.location_errors(p_points, p_prefix, v_now));
    raise exception using errcode = 'PT400', message = 'The request holds a value that cannot be stored.';
end
$$;

comment on function core.parse_points(jsonb, text, jsonb) is 'Reads the points of an upload, or refuses them with all their errors.';
revoke all on function core.parse_points(jsonb, text, jsonb) from public;
