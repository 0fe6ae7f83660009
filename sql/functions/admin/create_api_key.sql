-- admin.create_api_key(…): makes an API key. The key is shown this once and stored nowhere.
--
-- Example:
--   select * from admin.create_api_key(p_name => 'family app');
--   select * from admin.create_api_key(p_name => 'ops', p_is_admin => true, p_expires_at => now() + interval '90 days');
--
-- p_rate_limit_per_minute: null: the limit of the settings; 0: none. p_expires_at: null: never.
-- Errors: PT400. Audited.

create function admin.create_api_key(
    p_name text,
    p_is_admin boolean default false,
    p_rate_limit_per_minute integer default null,
    p_expires_at timestamptz default null,
    out id bigint,
    out api_key text,
    out name text,
    out is_admin boolean,
    out rate_limit_per_minute integer,
    out expires_at timestamptz
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(char_length(core.trim_blanks(p_name)), 0) not between 1 and 100 or p_name ~ '[[:cntrl:]]' then
        raise exception using
            errcode = 'PT400',
            message = 'A key needs a name of 1 to 100 characters, none of them a control character.',
            hint = 'select * from admin.create_api_key(p_name => ''family app'');';
    elsif p_rate_limit_per_minute not between 0 and 100000000 then
        raise exception using
            errcode = 'PT400',
            message = 'p_rate_limit_per_minute must be from 0 (no limit) to 100000000.';
    elsif p_expires_at <= core.now() or p_expires_at = 'infinity' then
        raise exception using
            errcode = 'PT400',
            message = 'p_expires_at must lie in the future.',
            hint = 'p_expires_at => now() + interval ''90 days'', or leave it out for a key that never expires.';
    end if;

    api_key := core.new_api_key();

    insert into core.api_keys as k (key_hash, key_prefix, name, is_admin, rate_limit_per_minute, expires_at, created_at)
    values (
        sha256(convert_to(api_key, 'UTF8')), left(api_key, 8), core.trim_blanks(p_name), coalesce(p_is_admin, false),
        p_rate_limit_per_minute, p_expires_at, core.now())
    returning k.id, k.name, k.is_admin, k.rate_limit_per_minute, k.expires_at
    into id, name, is_admin, rate_limit_per_minute, expires_at;

    perform core.audit('create_api_key', 'api_key', id::text, jsonb_build_object(
        'name', name, 'is_admin', is_admin, 'rate_limit_per_minute', rate_limit_per_minute, 'expires_at', expires_at));
end
$$;

comment on function admin.create_api_key(text, boolean, integer, timestamptz) is 'Makes an API key and shows it this once.';
revoke all on function admin.create_api_key(text, boolean, integer, timestamptz) from public;
grant execute on function admin.create_api_key(text, boolean, integer, timestamptz) to pm_admin;
