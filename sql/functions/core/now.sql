-- core.now(): the clock of every rule.
--
-- Tests travel in time with set pm.test_now = '…'. Only sessions of the owner's members are heard,
-- so that nobody who can merely call functions can move the clock.

create function core.now() returns timestamptz
language sql volatile
return case
    when coalesce(current_setting('pm.test_now', true), '') = '' then clock_timestamp()
    when pg_has_role(session_user, 'pm_owner', 'member') then current_setting('pm.test_now')::timestamptz
    else clock_timestamp()
end;

comment on function core.now() is 'The clock of every rule; tests of the owner may set it with pm.test_now.';
revoke all on function core.now() from public;
