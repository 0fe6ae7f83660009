-- core.trim_blanks(text): without white space at both ends.
--
-- The list is that of Unicode's property White_Space, the same in every locale.

create function core.trim_blanks(p_text text) returns text
language sql immutable
return btrim(p_text, E' \t\n\u000b\f\r\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000');

comment on function core.trim_blanks(text) is 'The text without white space (Unicode White_Space) at both ends.';
revoke all on function core.trim_blanks(text) from public;
