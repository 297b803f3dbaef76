-- The tables of postgres.schema, for a Postgres that plans the queries on them.
create schema audit;
create schema archive;
create schema legacy;
create type public.order_status as enum ('open', 'paid');
create type public.address as (street text, city text);
create table public.users (
  id bigint, email text, name text, country text, created_at timestamptz, profile jsonb
);
create table public.orders (
  id bigint, user_id bigint, status public.order_status, total numeric, placed_at timestamptz, tags text[],
  address public.address, notes jsonb
);
create table public.order_items (order_id bigint, product_id bigint, quantity integer, unit_price numeric);
create table public.products (
  id bigint, sku text, title text, category_id bigint, price numeric, search tsvector
);
create table public.categories (id bigint, parent_id bigint, name text);
create table audit.events (id bigint, user_id bigint, action text, payload jsonb, at timestamptz);
create table archive.orders (id bigint, user_id bigint, total numeric);
create table archive.sessions (id uuid, started_at timestamptz);
create table legacy.sessions (id uuid, ended_at timestamptz);
create table public."Reports" ("Id" bigint, "createdAt" timestamptz, "ownerId" bigint);
create schema hostile;
create type hostile.rng as range (subtype = integer);
create table public.shapes (
  id bigint, p point, l lseg, b box, oids oidvector, ints int2vector, mood public.order_status, rng hostile.rng,
  spans int4multirange, x xml
);
