-- Revert phone_manager:admin_api_keys from pg

begin;
set local role pm_owner;

drop function admin.expire_api_key(bigint, timestamptz);
drop function admin.rotate_api_key(bigint, interval);
drop function admin.reactivate_api_key(bigint);
drop function admin.deactivate_api_key(bigint);
drop function admin.list_api_keys(boolean, bigint, integer);
drop function admin.create_api_key(text, boolean, integer, timestamptz);
drop function core.require_api_key(bigint);
drop function core.new_api_key();
drop function core.require_page_size(integer);

commit;
