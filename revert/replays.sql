-- Revert phone_manager:replays from pg

begin;
set local role pm_owner;

drop function core.store_answer(jsonb, text, jsonb, uuid, json);
drop function core.find_replay(jsonb, text, jsonb);
drop function core.fingerprint(jsonb);

commit;
