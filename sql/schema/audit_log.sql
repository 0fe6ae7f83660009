-- Who changed or took out what. Never coordinates, keys or tokens.

create table core.audit_log (
    id            bigint generated always as identity primary key,
    created_at    timestamptz not null default now(),
    api_key_id    bigint,
    database_role text not null default session_user,
    action        text not null,
    resource_type text not null,
    resource_id   text,
    metadata      jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
    ip_address    inet,
    request_id    text
);

create index audit_log_created_at on core.audit_log (created_at);

comment on table core.audit_log is 'Audit trail of administration and privacy requests';
comment on column core.audit_log.api_key_id is 'Key of the HTTP request; null for psql. No foreign key: the trail outlives the key';
comment on column core.audit_log.database_role is 'Role that logged in to the database';
comment on column core.audit_log.metadata is 'What was changed; no personal data';
