-- What does it cost to look for each point before it is stored, when none is there already?

create table devices (device_id uuid primary key);
insert into devices select gen_random_uuid() from generate_series(1, 1000);
create table points (
    device_id   uuid not null references devices on delete cascade,
    captured_at timestamptz not null,
    latitude    float8 not null,
    longitude   float8 not null,
    accuracy    float4 not null,
    provider    varchar(50),
    primary key (device_id, captured_at)
);
create sequence batches;

-- 50 points of each of 16 devices, as two ways to store them.
create function careful() returns bigint language sql as $$
    with stored as (
        insert into points
        select d.device_id, to_timestamp(b.batch * 50 + n), 45.27, 13.71, 6.5, 'fused'
        from (select nextval('batches') as batch) b, (select device_id from devices limit 16) d, generate_series(1, 50) n
        on conflict (device_id, captured_at) do nothing
        returning device_id
    )
    select sum(s.stored) from (select count(*) as stored from stored group by device_id) s
$$;
create function plain() returns bigint language sql as $$
    insert into points
    select d.device_id, to_timestamp(b.batch * 50 + n), 45.27, 13.71, 6.5, 'fused'
    from (select nextval('batches') as batch) b, (select device_id from devices limit 16) d, generate_series(1, 50) n;
    select 800::bigint
$$;
alter database phone_manager set synchronous_commit = off;
