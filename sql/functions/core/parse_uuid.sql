-- core.parse_uuid(text): the UUID, or null where the text is not of the form 8-4-4-4-12.
--
-- PostgreSQL reads braces and missing hyphens too; the contract does not.

create function core.parse_uuid(p_text text) returns uuid
language sql immutable
return case
    when p_text ~ '^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$' then p_text::uuid
end;

comment on function core.parse_uuid(text) is 'The UUID of RFC 9562''s textual form, else null.';
revoke all on function core.parse_uuid(text) from public;
