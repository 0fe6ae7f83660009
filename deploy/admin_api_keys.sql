-- Deploy phone_manager:admin_api_keys to pg
-- requires: clock_and_text
-- requires: api_keys
-- requires: audit

begin;
set local role pm_owner;

\ir ../sql/functions/core/require_page_size.sql
\ir ../sql/functions/core/new_api_key.sql
\ir ../sql/functions/core/require_api_key.sql
\ir ../sql/functions/admin/create_api_key.sql
\ir ../sql/functions/admin/list_api_keys.sql
\ir ../sql/functions/admin/deactivate_api_key.sql
\ir ../sql/functions/admin/reactivate_api_key.sql
\ir ../sql/functions/admin/rotate_api_key.sql
\ir ../sql/functions/admin/expire_api_key.sql

commit;
