\set id random(1, 1000)
update typed set last_seen_at = now() where id = :id;
