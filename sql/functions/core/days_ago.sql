-- core.days_ago(days): the time so many days ago, from which on a retention of so many days keeps what there is.
--
-- A day is 24 hours: "1 day" would be 23 or 25 of them where the session's time zone changes its clocks.

create function core.days_ago(p_days integer) returns timestamptz
language sql volatile
return core.now() - make_interval(hours => 24 * p_days);

comment on function core.days_ago(integer) is 'The time so many days of 24 hours ago.';
revoke all on function core.days_ago(integer) from public;
