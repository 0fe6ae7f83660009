-- Deploy phone_manager:clock_and_text to pg
-- requires: schemas

begin;
set local role pm_owner;

\ir ../sql/functions/core/now.sql
\ir ../sql/functions/core/days_ago.sql
\ir ../sql/functions/core/rfc3339.sql
\ir ../sql/functions/core/trim_blanks.sql
\ir ../sql/functions/core/parse_uuid.sql
\ir ../sql/functions/core/to_float8.sql
\ir ../sql/functions/core/flush_to_zero.sql

commit;
