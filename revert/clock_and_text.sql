-- Revert phone_manager:clock_and_text from pg

begin;
set local role pm_owner;

drop function core.flush_to_zero(float8);
drop function core.to_float8(numeric);
drop function core.parse_uuid(text);
drop function core.trim_blanks(text);
drop function core.rfc3339(timestamptz);
drop function core.days_ago(integer);
drop function core.now();

commit;
