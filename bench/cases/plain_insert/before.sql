\set id random(1, 1000)
insert into expecting select :id, nextval('moment'), 45.1, 13.2 from generate_series(1, 50) on conflict do nothing;
