-- core.batch_error(request): what is wrong with the field locations of a batch; null: nothing, as long as its points are right.

create function core.batch_error(p_request jsonb) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
    v_list    jsonb := p_request -> 'locations';
    v_maximum integer;
begin
    if coalesce(v_list, 'null') = 'null' then
        return 'is required';
    elsif jsonb_typeof(v_list) <> 'array' then
        return 'must be an array';
    end if;

    select s.max_batch_size into v_maximum from core.settings s;
    return case when jsonb_array_length(v_list) not between 1 and v_maximum then format('must hold 1 to %s points', v_maximum) end;
end
$$;

comment on function core.batch_error(jsonb) is 'What is wrong with the field locations of a batch, else null.';
revoke all on function core.batch_error(jsonb) from public;
