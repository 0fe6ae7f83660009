\set id random(1, 1000)
insert into plain select :id, nextval('moment'), 45.1, 13.2 from generate_series(1, 50);
