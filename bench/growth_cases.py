"""What is measured as an installation grows: each function of an endpoint and each step of a job, on the same input.

A group of 20 probes and devices to erase have as many points in all databases: only what surrounds them grows.
"""

from __future__ import annotations

from dataclasses import dataclass

PROBES = 20
PROBE_POINTS = 3_000
DOOMED = 80
DOOMED_POINTS = 300

# Beside them, as many stored answers and audit entries as so many uploads and devices leave, half a million at most.
PROBES_SQL = f"""
set synchronous_commit = off;
insert into core.devices (device_id, display_name, group_id)
select md5('probe ' || n)::uuid, 'Probe ' || n, 'probes' from generate_series(1, {PROBES}) n;
insert into core.devices (device_id, display_name, group_id)
select md5('doomed ' || n)::uuid, 'Doomed ' || n, 'doomed-' || n / 10 from generate_series(0, {DOOMED} - 1) n;
insert into core.locations (
    device_id, captured_at, latitude, longitude, altitude, accuracy, bearing, speed, battery_level, provider,
    network_type)
select md5(name)::uuid, date_trunc('hour', now()) - k * interval '29 days' / points, 45, 13, 124.5, 5.5, 212.5, 13.9,
    71, 'fused', 'wifi'
from (
    select 'probe ' || n as name, {PROBE_POINTS} as points from generate_series(1, {PROBES}) n
    union all
    select 'doomed ' || n, {DOOMED_POINTS} from generate_series(0, {DOOMED} - 1) n
) d
cross join lateral generate_series(1, points) k;
update core.devices d
set last_captured_at = date_trunc('hour', now()), last_latitude = 45, last_longitude = 13, last_accuracy = 5.5
where d.group_id = 'probes';

insert into core.api_keys (key_hash, key_prefix, name) values (sha256('growth'), 'pm_growt', 'growth');
insert into core.idempotency_keys (api_key_id, endpoint, key_hash, request_hash, device_id, answer, created_at)
select 1, 'upload_location', sha256(('answer ' || k)::bytea), sha256('request'), md5('phone ' || k % {{devices}})::uuid,
    '{{{{"success" : true, "processed_count" : 1}}}}', now() - k * interval '23 hours' / least({{points}} / 30, 500000)
from generate_series(1, least({{points}} / 30, 500000)) k;
insert into core.audit_log (created_at, action, resource_type, resource_id)
select now() - k * interval '89 days' / least({{devices}}, 500000), 'export_device', 'device', md5('phone ' || k)
from generate_series(1, least({{devices}}, 500000)) k;
vacuum analyze core.devices, core.idempotency_keys, core.audit_log, core.api_keys, core.locations_default;
call jobs.refresh_group_counts();
checkpoint;
"""  # noqa: S608


@dataclass(frozen=True)
class Case:
    """Something to call again and again; {n} is the number of the call, {devices} how many there are."""

    title: str
    call: str
    """What is measured; $1 is the argument, jsonb."""
    argument: str = "null"
    """An expression of SQL."""
    before: str = ""
    """What goes before each call in the same session, and is not measured."""
    calls: int = 40
    """How many in a round."""
    warm: int = 10
    """How many before, in which the session makes its plans."""
    reads_whole: bool = False
    """Whether it is meant to read a table whole."""


FIELDS = """jsonb_build_object(
    'timestamp', {moment}, 'latitude', 45.27, 'longitude', 13.71, 'accuracy', 6.5, 'altitude', 124.3, 'bearing', 212.5,
    'speed', 13.9, 'battery_level', 71, 'provider', 'fused', 'network_type', 'wifi')"""
NOW = "floor(extract(epoch from clock_timestamp()) * 1000)::bigint"
PROBE = f"md5('probe ' || {{n}} % {PROBES} + 1)::uuid"
ERASED = "md5('doomed ' || {n})::uuid"
INACTIVE = f"md5('doomed ' || {{n}} + {DOOMED // 2})::uuid"
ANYONE = "md5('phone ' || (hashint4({n})::bigint + 2147483648) % {devices})::uuid"
ID = "jsonb_build_object('device_id', {})"
REGISTRATION = "jsonb_build_object('device_id', {}, 'display_name', {}, 'group_id', {})"
SINGLE = FIELDS.replace("{moment}", f"{NOW} - 1000000 + {{n}}") + " || "
LIST = FIELDS.replace("{moment}", f"{NOW} - {{n}} * 60000 - k * 1000")
BATCH = (
    f"{ID.format(PROBE)} || (select jsonb_build_object('locations', jsonb_agg({LIST})) from generate_series(1, 50) k)"  # noqa: S608
)
IN_DAYS = "select set_config('pm.test_now', (now() + {n} * interval '1 day')::text, false)"
LAST_PAGE = "now() - interval '7 days'"  # less than 1,000 points of a probe are left
OLD_ANSWERS = """
insert into core.idempotency_keys (api_key_id, endpoint, key_hash, request_hash, device_id, answer, created_at)
select 1, 'upload_location', sha256(('old ' || k)::bytea), sha256('request'), md5('probe 1')::uuid, '{{}}',
    now() - interval '2 days'
from generate_series(1, 1000) k
"""
OLD_ENTRIES = """
insert into core.audit_log (created_at, action, resource_type)
select now() - interval '100 days', 'export_device', 'device' from generate_series(1, 1000)
"""

BATCHES = "upload of 50 points"

CASES = (
    Case("listing of a group of 20", "api.list_devices($1)", "jsonb_build_object('group_id', 'probes')"),
    Case("upload of a point", "api.upload_location($1)", f"{SINGLE}{ID.format(PROBE)}"),
    Case("upload of a point, any device", "api.upload_location($1)", f"{SINGLE}{ID.format(ANYONE)}"),
    Case(BATCHES, "api.upload_locations($1)", BATCH, calls=10),
    Case("registration, known", "api.register_device($1)", REGISTRATION.format(PROBE, "'Probe ' || {n}", "'probes'")),
    Case(
        "registration, new",
        "api.register_device($1)",
        REGISTRATION.format("gen_random_uuid()", "'New'", "'new-' || {n} / 10"),
    ),
    Case(
        "deactivation",
        "api.deactivate_device($1)",
        ID.format(PROBE),
        f"update core.devices d set active = true where d.device_id = {PROBE}",  # noqa: S608
    ),
    Case("export: begin", "api.begin_export($1)", ID.format(PROBE)),
    Case("export: head", "api.export_head($1)", ID.format(PROBE)),
    Case("export: page of 1,000, first", "api.export_page($1)", ID.format(PROBE), calls=5),
    Case("export: page, last", f"api.export_page($1, {LAST_PAGE})", ID.format(PROBE), calls=5),
    Case("erasure, 300 points", "api.erase_device($1)", ID.format(ERASED), calls=4, warm=6),
    Case(
        "deletion of inactive: one",
        "api.delete_inactive_devices($1)",
        "jsonb_build_object('older_than_days', '365')",
        "update core.devices d set active = false, updated_at = now() - interval '400 days'"  # noqa: S608
        f" where d.device_id = {INACTIVE}",
        calls=4,
        warm=6,
        reads_whole=True,
    ),
    Case("metrics of 100 groups", "api.metrics(100)"),
    Case("job: stored answers, 1,000", "jobs.cleanup_idempotency_keys_step($1)", before=OLD_ANSWERS, calls=3, warm=6),
    Case("job: audit log, 1,000", "jobs.cleanup_audit_log_step($1)", before=OLD_ENTRIES, calls=3, warm=6),
    Case(
        "job: 100 pages of points",
        "jobs.cleanup_locations_step($1)",
        "jsonb_build_object('table', 1, 'page', 0)",
        calls=5,
    ),
    Case(
        "job: 100 pages of devices",
        "jobs.cleanup_locations_step($1)",
        "jsonb_build_object('table', 3, 'page', 0)",
        calls=5,
    ),
    Case("job: group counts", "jobs.refresh_group_counts_step($1)", calls=1, warm=1, reads_whole=True),
    Case("job: make a partition", "jobs.ensure_partitions_step($1)", before=IN_DAYS, calls=1, warm=2),
    Case(
        "job: count an expired day",
        "jobs.cleanup_locations_step($1)",
        "jsonb_build_object('table', 4)",
        "select set_config('pm.test_now', (now() + interval '20 days')::text, false)",
        calls=1,
        warm=2,
        reads_whole=True,
    ),
    Case(
        "job: drop an expired day",
        "jobs.cleanup_locations_step($1)",
        "jsonb_build_object('table', 4, 'points', 1, 'counted',"
        " to_char((now() at time zone 'UTC')::date - 30 + {n}, '\"core.locations_\"YYYYMMDD'))",
        "select set_config('pm.test_now', (now() + interval '20 days')::text, false)",
        calls=1,
        warm=1,
    ),
)
