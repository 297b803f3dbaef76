//! Reading BigQuery: what it costs, what is found, and what comes of each way it can fail.

mod again;
mod details;
mod failures;
mod families;
mod plans;
mod reading;
mod shop;

use kit::bigquery::{BigQuery as Stub, Fault, Method};
use schema::document::{Column, DriftKind, Mode, Table, TableKind};
use schema::read::Read;
use serde_json::{Value, json};
use warehouse::source::bigquery::BigQuery;
use warehouse::{Plan, Planned, Progress, Reading, Source as _, SourceError, Unread, Usage};

use self::shop::{SHOP, column, rich, shards, shop, source};
use crate::Recorder;

async fn read(source: &BigQuery, known: &[Table]) -> (Reading, Usage) {
    let usage = Usage::default();
    let reading = source.read(known, &usage).await.unwrap();
    (reading, usage)
}

fn names(reading: &Reading) -> Vec<&str> {
    let tables = reading.tables.iter();
    tables.map(|table| table.name.as_str()).collect()
}

fn id() -> Value {
    json!([{"name": "id", "type": "INTEGER", "mode": "REQUIRED"}])
}

/// What is read by gets as a query alone tells it: no nested field is required.
fn as_a_query_tells(tables: &[Table]) -> Vec<Table> {
    fn relax(fields: &mut [Column]) {
        for field in fields {
            if field.mode == Mode::Required {
                field.mode = Mode::Nullable;
            }
            relax(&mut field.fields);
        }
    }
    let mut tables = tables.to_vec();
    for column in tables.iter_mut().flat_map(|table| &mut table.columns) {
        relax(&mut column.fields);
    }
    tables
}

/// 114 shards that gain a column at four of them, one of which is retyped at the last.
fn drifting(at: usize) -> Value {
    let mut fields = vec![column("event_date", "STRING")];
    for (start, name) in [(15, "usd"), (20, "bundle"), (77, "dimensions")] {
        if at >= start {
            let data_type = if at >= 102 { "STRING" } else { "INTEGER" };
            let retyped = if name == "bundle" { data_type } else { "FLOAT" };
            fields.push(column(name, retyped));
        }
    }
    Value::Array(fields)
}
