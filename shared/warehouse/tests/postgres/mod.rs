//! A Postgres database as a warehouse, on a real server.

mod bytes;
mod details;
mod extensions;
mod hidden;
mod plan;
mod read;

use std::collections::BTreeMap;

use kit::postgres::{Database, UNPRIVILEGED, database_of_any_bytes, empty_database};
use platform::Env;
use schema::bounds::{MAX_FIELDS, MAX_TABLES_BYTES};
use schema::document::{Column, DescriptionSource, ForeignKey, Mode, Table, TableKind};
use schema::name::TableName;
use warehouse::source::postgres::Postgres;
use warehouse::{Plan, Planned, Reading, Source, SourceError, Unread, Usage};

const SHOP: &str = r#"
create schema shop;
create domain shop.email as varchar(200) check (value like '%@%');
comment on domain shop.email is 'An address, checked for its @';
create domain shop.price as numeric(10, 2) not null;
create type shop.status as enum ('open', 'paid');
create type shop.place as (latitude double precision, longitude double precision);
create type shop.address as (street text, places shop.place[], mail shop.email);
comment on column shop.address.street is 'With the number';

create table shop.customer (
  id bigint generated always as identity primary key,
  mail shop.email,
  mails shop.email[],
  home shop.address,
  others shop.address[],
  tags text[] not null,
  grid numeric(6, 3)[][],
  name text not null,
  name_length int generated always as (length(name)) stored
);
comment on table shop.customer is 'Who buys';
comment on column shop.customer.name is 'In full';

create table shop.orders (
  id bigint,
  region text,
  customer_id bigint references shop.customer (id),
  total shop.price,
  status shop.status,
  placed timestamptz(3) not null,
  primary key (region, id)
) partition by list (region);
create table shop.orders_eu partition of shop.orders for values in ('eu') partition by hash (id);
create table shop.orders_eu_0 partition of shop.orders_eu for values with (modulus 1, remainder 0);
create table shop.orders_us partition of shop.orders for values in ('us');

create table shop.line (
  order_id bigint,
  order_region text,
  sku char(8),
  constraint line_order foreign key (order_region, order_id) references shop.orders (region, id)
);
create view shop.open_orders as select id, total from shop.orders where status = 'open';
comment on view shop.open_orders is 'Not yet paid';
create materialized view shop.revenue as select region, sum(total) as total from shop.orders group by region;
"#;

async fn warehouse(sql: &str) -> Database {
    let db = empty_database().await;
    db.run(sql).await;
    db
}

fn source(db: &Database, parameters: &str) -> Postgres {
    let separator = if db.url.contains('?') { '&' } else { '?' };
    Postgres::open(
        &format!("{}{separator}{parameters}", db.url),
        &Env::default(),
    )
    .unwrap()
}

fn as_stranger(db: &Database) -> Postgres {
    Postgres::open(&db.unprivileged_url(), &Env::default()).unwrap()
}

async fn read(source: &Postgres) -> Reading {
    source.read(&[], &Usage::default()).await.unwrap()
}

/// By name, without the database's.
async fn tables(source: &Postgres) -> BTreeMap<String, Table> {
    let reading = read(source).await;
    assert_eq!(reading.problems, []);
    let tables = reading.tables.into_iter();
    tables
        .map(|table| (table.name.split_once('.').unwrap().1.to_owned(), table))
        .collect()
}

fn column<'a>(table: &'a Table, path: &str) -> &'a Column {
    let mut columns = &table.columns;
    let mut found = None;
    for name in path.split('.') {
        let column = columns.iter().find(|column| column.name == name);
        let column = column.unwrap_or_else(|| panic!("{path} in {}", table.name));
        columns = &column.fields;
        found = Some(column);
    }
    found.unwrap()
}

fn shape(column: &Column) -> (&str, Mode) {
    (&column.data_type, column.mode)
}
