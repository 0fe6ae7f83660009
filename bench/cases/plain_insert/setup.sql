-- What does it cost to expect duplicates, where there are none? 50 rows a statement, in the order of the key.

create table devices (device_id integer primary key);
create table expecting (device_id integer references devices, captured_at bigint, latitude float8, longitude float8, primary key (device_id, captured_at));
create table plain (like expecting including all, foreign key (device_id) references devices);
create sequence moment;
insert into devices select generate_series(1, 1000);
alter database phone_manager set synchronous_commit = off;
