\set group random(0, 50)
select listing_by_format('group-' || :group);
