-- api.admit: the sliding window. A limit of 3 a minute for key 1, of 3 an hour for privacy.

begin;
\ir fixtures.psql
select plan(42);

select pg_temp.api_key(1) \g /dev/null
update core.settings set rate_limit_per_minute = 3, privacy_rate_limit_per_hour = 3;

-- Asks at a time of 2031-06-30 for so many requests; admitted / remaining / reset after / retry after.
create function pg_temp.at(p_time text, p_requests integer default 1, p_class text default 'default') returns text
language plpgsql
as $$
begin
    perform set_config('pm.test_now', '2031-06-30 ' || p_time || '+00', true);
    return (
        select format('%s/%s/%s/%s', a.admitted, a.remaining, a.reset_after, a.retry_after)
        from api.admit(pg_temp.key_hash(1), p_class, p_requests) a);
end
$$;
create function pg_temp.start_anew() returns void language sql begin atomic delete from core.rate_limits; end;

-- One by one.

select is(pg_temp.at('12:00:00'), '1/2/61/', 'the first request');
select is(pg_temp.at('12:00:10'), '1/1/61/', 'the second');
select is(pg_temp.at('12:00:20'), '1/0/61/', 'the third');
select is(
    pg_temp.at('12:00:30'), '0/0/51/31', 'the fourth is refused: the first leaves the window in 31 seconds, the last in 51');
select is(pg_temp.at('12:01:00.999'), '0/0/21/1', 'a second before');
select is(pg_temp.at('12:01:01'), '1/0/61/', 'at that time it is admitted');
select is(pg_temp.at('12:01:01'), '0/0/61/10', 'but no other: the second is still in the window');
select is(pg_temp.at('12:01:10.999'), '0/0/52/1', 'until its slot has left');
select is(pg_temp.at('12:01:11'), '1/0/61/', 'then one more');

-- A refusal changes nothing: refused requests do not count.

select ctid::text as before from core.rate_limits \gset
select is(pg_temp.at('12:01:15'), '0/0/57/6', 'refused');
select is((select ctid::text from core.rate_limits), :'before', 'without writing');

-- Retry-After is true from within a second, too.

select pg_temp.start_anew() \g /dev/null
select is(pg_temp.at('12:00:00.9', 3), '3/0/61/', 'three at once, late in their second');
select is(pg_temp.at('12:00:01.3'), '0/0/60/60', 'refused: 60 seconds');
select is(pg_temp.at('12:01:01.3'), '1/2/61/', 'are right');

-- More than 60 seconds lie between the first and the fourth, always: the slots of 61 seconds count.

select pg_temp.start_anew() \g /dev/null
select is(pg_temp.at('12:00:00.000', 3), '3/0/61/', 'three at the beginning of a second');
select is(pg_temp.at('12:01:00.000'), '0/0/1/1', '60 seconds later: refused');
select is(pg_temp.at('12:01:00.999'), '0/0/1/1', 'until the 61st second is over');
select is(pg_temp.at('12:01:01.000', 3), '3/0/61/', 'then three again');

-- Each slot leaves on its own, also when the window moves by one.

select pg_temp.start_anew() \g /dev/null
select pg_temp.at('12:00:00'), pg_temp.at('12:01:00') \g /dev/null
select is(pg_temp.at('12:01:01'), '1/1/61/', 'one slot out, one slot in');

-- Who stays under the limit in every 61 seconds is never refused.

select pg_temp.start_anew() \g /dev/null
select is(
    (
        select count(*) filter (where a like '1/%')
        from (select pg_temp.at((time '12:00:00' + make_interval(secs => n * 20.5))::text) as a from generate_series(0, 200) n) t
    ),
    201::bigint, 'a request every 20.5 seconds');
select pg_temp.start_anew() \g /dev/null
select cmp_ok(
    (
        select max(c)
        from (
            select count(*) filter (where a like '1/%') over (order by n range between 59.999 preceding and current row) as c
            from (
                select n / 7.0 as n, pg_temp.at((time '12:00:00' + make_interval(secs => n / 7.0))::text) as a
                from generate_series(0, 2500) n
            ) t
        ) s),
    '<=', 3::bigint, 'who asks seven times a second never gets more than 3 in 60 seconds');

-- Some of many.

select pg_temp.start_anew() \g /dev/null
select is(pg_temp.at('12:00:00', 2), '2/1/61/', 'two of two');
select is(pg_temp.at('12:00:05', 5), '1/0/61/56', 'one of five: the next when the first two leave');
select is(pg_temp.at('12:00:06', 5), '0/0/60/55', 'none of five');

-- A limit that changed.

update core.settings set rate_limit_per_minute = 2;
select is(pg_temp.at('12:00:07'), '0/0/59/54', 'three used of two: one is free once two have left');
update core.settings set rate_limit_per_minute = 5;
select is(pg_temp.at('12:00:08'), '1/1/61/', 'three used of five');
update core.settings set rate_limit_per_minute = 3;
select pg_temp.start_anew() \g /dev/null
select pg_temp.at('12:00:00', 1), pg_temp.at('12:00:05', 2) \g /dev/null
update core.settings set rate_limit_per_minute = 2;
select is(pg_temp.at('12:00:07'), '0/0/59/59', 'three used of two: none is free when only one has left');
update core.settings set rate_limit_per_minute = 3;

-- Long pauses and a clock that is set back.

select is(pg_temp.at('18:00:00'), '1/2/61/', 'hours later the window is empty');
select is(pg_temp.at('17:59:50'), '1/1/71/', 'a clock behind the window counts into its newest slot');
select is(pg_temp.at('18:00:00'), '1/0/61/', 'so that nothing is lost');

set local pm.test_now = '2041-01-01';
select is((select admitted from api.admit(pg_temp.key_hash(1))), 1, 'after 2038 too');
set local pm.test_now = '2041-01-01 00:00:01';
select is((select remaining from api.admit(pg_temp.key_hash(1))), 1, 'and the window moves');

-- Privacy: minutes instead of seconds, in a window of its own.

select pg_temp.start_anew() \g /dev/null
select pg_temp.at('12:00:00', 3) \g /dev/null
select is(pg_temp.at('12:00:30', 3, 'privacy'), '3/0/3630/', 'three');
select is(pg_temp.at('13:00:59', 1, 'privacy'), '0/0/1/1', 'an hour later: refused');
select is(pg_temp.at('13:01:00', 1, 'privacy'), '1/2/3660/', 'when the minute has left: admitted');

-- Admissions ahead of the requests: those that were not used are taken back, from the slot that they were counted in.

select pg_temp.start_anew() \g /dev/null
select is(pg_temp.at('12:00:00.25', 3), '3/0/61/', 'three ahead');
select is(
    (select row(a.slot, a.slot_left)::text from api.admit(pg_temp.key_hash(1)) a), '(1940587200,0.75)',
    'a refusal tells the slot and how long it lasts, too');
select is(
    (select row(a.admitted, a.remaining, a.retry_after)::text from api.admit(pg_temp.key_hash(1), 'default', 1, 2, 1940587200) a),
    '(1,1,)', 'two came back, one went on');
select is((select total || ' ' || slots[1940587200 % 61 + 1] from core.rate_limits), '2 2', 'two are counted');
set local pm.test_now = '2031-06-30 12:01:01+00';
select is(
    (select row(a.admitted, a.remaining)::text from api.admit(pg_temp.key_hash(1), 'default', 1, 2, 1940587200) a),
    '(1,2)', 'what left the window cannot come back');
select is(
    (select row(a.admitted, a.remaining)::text from api.admit(pg_temp.key_hash(1), 'default', 1, 50, 1940587261) a),
    '(1,2)', 'nor more than was counted');
select is((select total from core.rate_limits), 1, 'one is counted');

select * from finish();
rollback;
