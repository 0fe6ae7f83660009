-- Sliding windows: one small row per API key and class of routes.
--
-- Unlogged: it is written at every admission, and after a crash an empty window is right enough.

create unlogged table core.rate_limits (
    api_key_id bigint not null references core.api_keys on delete cascade,
    class      core.rate_limit_class not null,
    last_slot  bigint not null,
    total      integer not null,
    slots      integer[] not null,
    primary key (api_key_id, class)
) with (fillfactor = 40, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

comment on table core.rate_limits is 'Admissions of the last 60 whole slots and the current one';
comment on column core.rate_limits.last_slot is 'Epoch time of the newest slot, in slots: seconds, or minutes for class privacy';
comment on column core.rate_limits.total is 'Sum of slots';
comment on column core.rate_limits.slots is 'Admissions per slot; 61 of them; slot n is element n % 61 + 1';
