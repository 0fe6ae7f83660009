-- Revert phone_manager:validation from pg

begin;
set local role pm_owner;

drop function core.require_valid(jsonb);
drop function core.require_object(jsonb);
drop function core.location_errors(jsonb, text, timestamptz);
drop function core.registration_errors(jsonb);
drop function core.group_id_errors(jsonb);
drop function core.device_id_errors(jsonb);
drop function core.field_error(text, text);
drop function core.string_error(jsonb, boolean, integer, integer, text);
drop function core.integer_error(jsonb, boolean, text);
drop function core.number_error(jsonb, boolean, float8, float8, text);

commit;
