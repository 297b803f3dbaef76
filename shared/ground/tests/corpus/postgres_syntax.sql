-- The tables of the queries in postgres_syntax_*.sql: hard names and types, and extensions.
create extension citext; create extension hstore; create extension ltree; create extension pg_trgm; create extension intarray; create extension cube;
create schema shop;
create type shop.mood as enum ('sad','it''s ok','happy');
create type shop.address as (street text, city text, tags text[]);
create domain shop.email as citext check (value ~ '@');
create domain shop.tags as text[] not null;
create domain shop.tags2 as shop.tags;
create table shop.customers (
  id bigint generated always as identity primary key,
  "Full Name" text not null,
  email shop.email, tags shop.tags2, moods shop.mood[], addr shop.address, addrs shop.address[],
  kv hstore, path ltree, span tstzrange, spans int4multirange, bits bit varying(7), money money,
  price numeric(12,2) default 0, total numeric generated always as (price * 2) stored,
  "select" int, "Größe" int, "a""b" int, "with.dot" int, "back\slash" int, "per%cent" int, ip inet, x xml, j jsonb, js jsonpath, ts timestamp(3) with time zone, c char(3), v varchar, oidv oidvector, n name, t interval day to second(3), matrix int[][], tsq tsvector
);
comment on table shop.customers is E'Line one\nit''s "quoted" \\ back */ -- x 😀 `tick` ';
comment on column shop.customers.email is '';
comment on column shop.customers."a""b" is 'says "hi"; drop table x';
create table shop."Order Lines" ("Order ID" int, "order id" int, primary key ("Order ID"));
create table shop."order lines" (id int);
create schema "my.schema"; create table "my.schema"."t.x" (a int primary key, "b.c" int); create table "my.schema".plain (a int references "my.schema"."t.x");
create schema "my"; create table my."schema.plain" (z int);
create schema "Weird ""Q"" \b"; create table "Weird ""Q"" \b"."ta'ble" (id int);
create table shop.ev (id bigint, at timestamptz not null, region text, primary key(id, at, region)) partition by range (at);
create table shop.ev_2024 partition of shop.ev for values from ('2024-01-01') to ('2025-01-01') partition by list (region);
create table shop.ev_2024_kr partition of shop.ev_2024 for values in ('kr');
create table shop.ev_2024_rest partition of shop.ev_2024 default;
create table shop.h (id int, lower_name text) partition by hash (lower(lower_name), id);
create table shop.parent (id int primary key, name text); create table shop.child (extra int) inherits (shop.parent);
create table shop.child_20240101 () inherits (shop.parent);
create table shop.logs_20240101 (id int, a text); create table shop.logs_20240102 (id int, a text, b int);
create view shop.v as select id, "Full Name" n from shop.customers;
create materialized view shop.mv as select 1 as one with no data;
create table shop.nocols ();
create table shop.dropped (a int, b int, c int); alter table shop.dropped drop column b; 
create unlogged table shop.un (id serial primary key, fk int references shop.customers(id), p_id int references shop.parent(id) on delete cascade);
create table shop.fkcomp (a bigint, b timestamptz, c text, foreign key (a,b,c) references shop.ev);
create table shop.selfref (id int primary key, up int references shop.selfref);
create table shop.uniqonly (code text unique not null);
create table shop.secret (id int, ssn text); create table shop.half (id int, hidden text);
create table shop."very_long_name_abcdefghijklmnopqrstuvwxyz_0123456789_ABCDEFGHIJKLMN" (a int);
create table shop."한글테이블" ("이름" text, "값" numeric);
create table shop."日本 語🎉" ("😀" int);
create table shop.rec (id int, self shop.mood, r shop.customers);
create type shop.deep1 as (a int); create type shop.deep2 as (d shop.deep1[], e shop.mood); create domain shop.dd as shop.deep2; create table shop.deep (d shop.dd, dl shop.dd[]);
create table shop.coll (a text collate "C", b text collate "und-x-icu");
create table shop.sysname ("user" text, "order" int, "table" int, "group" text, "end" int, "offset" int, "limit" int, "row" int, "value" int, "type" text, "timestamp" timestamptz, "date" date, "int" int, "char" text, "between" int, "values" int, "extract" int, "position" int, "coalesce" int, "setof" int);
