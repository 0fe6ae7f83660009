-- core.change_setting(name, value): changes one setting and audits it; does nothing where it has that value.
--
-- Returns true where it changed something. Locks: the row of core.settings.
-- Errors: PT400 for an unknown name or a value out of its range.

create function core.change_setting(p_name text, p_value text) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp
as $$
declare
    v_old text;
begin
    select to_jsonb(s) - 'only_row' ->> p_name into v_old from core.settings s for no key update;

    if v_old is null then
        raise exception using
            errcode = 'PT400',
            message = format('There is no setting %L.', p_name),
            hint = 'Settings: ' || (
                select string_agg(n.name, ', ' order by n.name)
                from core.settings s, jsonb_object_keys(to_jsonb(s) - 'only_row') n(name));
    elsif p_value !~ '^\s*-?\d{1,18}\s*$' or p_value is null then
        raise exception using
            errcode = 'PT400',
            message = format('%s must be a whole number, not %L.', p_name, p_value),
            hint = format('Allowed: %s. See select * from admin.show_settings();', core.setting_range(p_name));
    elsif v_old::bigint = p_value::bigint then
        return false;
    end if;

    begin
        execute format('update core.settings set %I = $1', p_name) using p_value::bigint;
    exception
        when check_violation or numeric_value_out_of_range then
            raise exception using
                errcode = 'PT400',
                message = format('%s cannot be %s.', p_name, p_value::bigint),
                hint = format('Allowed: %s. See select * from admin.show_settings();', core.setting_range(p_name));
    end;

    perform core.audit('change_setting', 'setting', p_name, jsonb_build_object('old', v_old::bigint, 'new', p_value::bigint));
    return true;
end
$$;

comment on function core.change_setting(text, text) is 'Changes one setting and audits it.';
revoke all on function core.change_setting(text, text) from public;
