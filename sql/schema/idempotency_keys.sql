-- Answers kept for their Idempotency-Key, written in the same transaction as the rows of the request.

create table core.idempotency_keys (
    api_key_id   bigint not null references core.api_keys on delete cascade,
    endpoint     text not null,
    key_hash     bytea not null check (octet_length(key_hash) = 32),
    request_hash bytea not null check (octet_length(request_hash) = 32),
    device_id    uuid not null references core.devices on delete cascade,
    answer       json not null,
    created_at   timestamptz not null default now(),
    primary key (api_key_id, endpoint, key_hash)
);

-- For the erasure of a device and for the cleanup.
create index idempotency_keys_device_id on core.idempotency_keys (device_id);
create index idempotency_keys_created_at on core.idempotency_keys (created_at);

comment on table core.idempotency_keys is 'Answers of successful requests, replayed when the request is repeated';
comment on column core.idempotency_keys.endpoint is 'Name of the api function';
comment on column core.idempotency_keys.key_hash is 'SHA-256 of the Idempotency-Key header';
comment on column core.idempotency_keys.request_hash is 'Fingerprint of the request, see core.fingerprint';
comment on column core.idempotency_keys.created_at is 'Valid until idempotency_ttl_hours later';
