-- The whole declared state, in the order of sqitch.plan. For reading, and for the test that migrations lead to the same
-- place: installations are made and upgraded with sqitch.
--
--   psql -v ON_ERROR_STOP=1 -f sql/install.sql

begin;
\ir schema/roles.sql
set local role pm_owner;
\ir schema/schemas.sql

-- What tables need.
\ir functions/core/now.sql
\ir functions/core/days_ago.sql
\ir functions/core/rfc3339.sql
\ir functions/core/trim_blanks.sql
\ir functions/core/parse_uuid.sql
\ir functions/core/to_float8.sql
\ir functions/core/flush_to_zero.sql

-- Tables and views.
\ir schema/settings.sql
\ir schema/api_keys.sql
\ir schema/domains.sql
\ir schema/devices.sql
\ir schema/locations.sql
\ir schema/idempotency_keys.sql
\ir schema/rate_limits.sql
\ir schema/audit_log.sql
\ir schema/job_runs.sql
\ir schema/devices_with_last_location.sql
\ir schema/group_member_counts.sql
\ir schema/job_status.sql

-- Rules.
\ir functions/core/lock_name.sql
\ir functions/core/audit.sql
\ir functions/core/number_error.sql
\ir functions/core/integer_error.sql
\ir functions/core/string_error.sql
\ir functions/core/field_error.sql
\ir functions/core/device_id_errors.sql
\ir functions/core/group_id_errors.sql
\ir functions/core/registration_errors.sql
\ir functions/core/location_errors.sql
\ir functions/core/require_object.sql
\ir functions/core/require_valid.sql
\ir functions/core/require_place.sql
\ir schema/point_columns.sql
\ir functions/core/read_points.sql
\ir functions/core/parse_points.sql
\ir functions/core/batch_error.sql
\ir functions/core/upload_answer.sql
\ir functions/core/store_points.sql
\ir functions/core/store_locations.sql
\ir functions/core/store_together.sql
\ir functions/core/fingerprint.sql
\ir functions/core/find_replay.sql
\ir functions/core/store_answer.sql
\ir functions/core/partition_name.sql
\ir functions/core/partition_day.sql
\ir functions/core/missing_partitions.sql
\ir functions/core/create_partition.sql
\ir functions/core/ensure_partitions.sql
do $$ begin perform core.ensure_partitions(); end $$;
\ir functions/core/setting_range.sql
\ir functions/core/change_setting.sql

-- The REST layer.
\ir functions/api/admit.sql
\ir functions/api/register_device.sql
\ir functions/core/group_listing.sql
\ir functions/api/list_devices.sql
\ir functions/api/list_devices_many.sql
\ir functions/api/deactivate_device.sql
\ir functions/api/upload_location.sql
\ir functions/api/upload_locations.sql
\ir functions/api/upload_location_many.sql
\ir functions/api/upload_locations_many.sql
\ir functions/api/health.sql
\ir functions/api/prepare.sql
\ir functions/api/metrics.sql

-- Operators.
\ir functions/core/require_page_size.sql
\ir functions/core/new_api_key.sql
\ir functions/core/require_api_key.sql
\ir functions/admin/create_api_key.sql
\ir functions/admin/list_api_keys.sql
\ir functions/admin/deactivate_api_key.sql
\ir functions/admin/reactivate_api_key.sql
\ir functions/admin/rotate_api_key.sql
\ir functions/admin/expire_api_key.sql
\ir functions/admin/show_settings.sql
\ir functions/admin/set_setting.sql
\ir functions/admin/help.sql

-- Jobs.
\ir functions/core/job_lock.sql
\ir functions/core/job_session.sql
\ir functions/jobs/begin_run.sql
\ir functions/jobs/continue_run.sql
\ir functions/jobs/end_run.sql
\ir functions/jobs/run.sql
\ir functions/jobs/ensure_partitions_step.sql
\ir functions/jobs/ensure_partitions.sql
\ir functions/jobs/cleanup_locations_step.sql
\ir functions/jobs/cleanup_locations.sql
\ir functions/jobs/refresh_group_counts_step.sql
\ir functions/jobs/refresh_group_counts.sql
\ir functions/jobs/cleanup_idempotency_keys_step.sql
\ir functions/jobs/cleanup_idempotency_keys.sql
\ir functions/jobs/cleanup_rate_limits_step.sql
\ir functions/jobs/cleanup_rate_limits.sql
\ir functions/jobs/cleanup_audit_log_step.sql
\ir functions/jobs/cleanup_audit_log.sql

-- Privacy.
\ir functions/core/require_device.sql
\ir functions/core/erase_device.sql
\ir functions/core/delete_inactive_devices.sql
\ir functions/api/begin_export.sql
\ir functions/api/export_head.sql
\ir functions/api/export_page.sql
\ir functions/api/erase_device.sql
\ir functions/api/delete_inactive_devices.sql

-- Operators: devices and reports.
\ir functions/admin/list_groups.sql
\ir functions/admin/list_devices.sql
\ir functions/admin/recent_points.sql
\ir functions/admin/move_device.sql
\ir functions/admin/deactivate_device.sql
\ir functions/admin/reactivate_device.sql
\ir functions/admin/erase_device.sql
\ir functions/admin/delete_inactive_devices.sql
\ir functions/admin/storage_report.sql
\ir functions/admin/statistics.sql
\ir functions/admin/job_history.sql
\ir functions/admin/audit_trail.sql

-- Jobs belong to the role that schedules them, so pm_owner, which cannot log in, cannot have any.
reset role;
\ir schema/job_schedule.sql

commit;
