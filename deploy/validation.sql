-- Deploy phone_manager:validation to pg
-- requires: clock_and_text
-- requires: settings

begin;
set local role pm_owner;

\ir ../sql/functions/core/number_error.sql
\ir ../sql/functions/core/integer_error.sql
\ir ../sql/functions/core/string_error.sql
\ir ../sql/functions/core/field_error.sql
\ir ../sql/functions/core/device_id_errors.sql
\ir ../sql/functions/core/group_id_errors.sql
\ir ../sql/functions/core/registration_errors.sql
\ir ../sql/functions/core/location_errors.sql
\ir ../sql/functions/core/require_object.sql
\ir ../sql/functions/core/require_valid.sql

commit;
