-- One row of limits. They live in the database because functions called from psql and jobs obey them too.

create table core.settings (
    only_row                    boolean primary key default true check (only_row),
    max_devices_per_group       integer not null default 20    check (max_devices_per_group between 1 and 10000),
    max_batch_size              integer not null default 50    check (max_batch_size between 1 and 1000),
    location_retention_days     integer not null default 30    check (location_retention_days between 1 and 3650),
    audit_retention_days        integer not null default 90    check (audit_retention_days between 1 and 3650),
    idempotency_ttl_hours       integer not null default 24    check (idempotency_ttl_hours between 1 and 720),
    max_clock_skew_seconds      integer not null default 300   check (max_clock_skew_seconds between 0 and 86400),
    rate_limit_per_minute       integer not null default 100   check (rate_limit_per_minute between 0 and 100000000),
    admin_rate_limit_per_minute integer not null default 1000  check (admin_rate_limit_per_minute between 0 and 100000000),
    privacy_rate_limit_per_hour integer not null default 10    check (privacy_rate_limit_per_hour between 0 and 100000000)
);

insert into core.settings default values;

comment on table core.settings is 'Limits of the service, one row. Show them with admin.show_settings(), change them with admin.set_setting().';
comment on column core.settings.only_row is 'Always true: makes a second row impossible';
comment on column core.settings.max_devices_per_group is 'Active devices a group may have';
comment on column core.settings.max_batch_size is 'Points one batch upload may carry';
comment on column core.settings.location_retention_days is 'Days a point is kept after its capture';
comment on column core.settings.audit_retention_days is 'Days an entry of the audit log is kept';
comment on column core.settings.idempotency_ttl_hours is 'Hours an answer is kept for its Idempotency-Key';
comment on column core.settings.max_clock_skew_seconds is 'Seconds a capture time may lie in the future';
comment on column core.settings.rate_limit_per_minute is 'Requests a minute per API key; 0: no limit';
comment on column core.settings.admin_rate_limit_per_minute is 'Requests a minute per API key on admin routes; 0: no limit';
comment on column core.settings.privacy_rate_limit_per_hour is 'Exports and erasures an hour per API key; 0: no limit';
