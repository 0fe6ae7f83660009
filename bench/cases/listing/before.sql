\set group random(0, 50)
select listing_by_json_functions('group-' || :group);
