-- API keys. The key itself is shown once, when it is made, and stored nowhere.

create table core.api_keys (
    id                    bigint generated always as identity primary key,
    key_hash              bytea not null unique check (octet_length(key_hash) = 32),
    key_prefix            text not null check (char_length(key_prefix) = 8),
    name                  text not null check (char_length(name) between 1 and 100),
    is_active             boolean not null default true,
    is_admin              boolean not null default false,
    rate_limit_per_minute integer check (rate_limit_per_minute between 0 and 100000000),
    last_used_at          timestamptz,
    created_at            timestamptz not null default now(),
    expires_at            timestamptz check (expires_at > '-infinity' and expires_at < 'infinity')
);

comment on table core.api_keys is 'Keys that clients send as X-API-Key';
comment on column core.api_keys.key_hash is 'SHA-256 of the key';
comment on column core.api_keys.key_prefix is 'First 8 characters of the key, to tell keys apart';
comment on column core.api_keys.is_admin is 'May call the routes below /api/v1/admin';
comment on column core.api_keys.rate_limit_per_minute is 'Limit of its own, on ordinary and admin routes; null: that of core.settings; 0: none';
comment on column core.api_keys.last_used_at is 'Kept to the minute';
comment on column core.api_keys.expires_at is 'From then on the key is refused; null: never';
