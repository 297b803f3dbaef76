//! A sample warehouse: the schema, without rows, of Google's public sample of a Google Analytics 4
//! export, in 92 date shards from November 2020 to January 2021.

use std::path::Path;

use anyhow::Context as _;
use jiff::ToSpan as _;
use jiff::civil::date;
use schema::document::Column;
use schema::sql_type::parse_column;
use schema::table_schema::TableField;

/// One column per line: its name and its type.
const GA4_EVENTS: &str = include_str!("../samples/ga4_events.txt");
const DATASET: &str = "bigquery-public-data.ga4_obfuscated_sample_ecommerce";

/// The 23 columns of `events_*`.
pub fn ga4_events() -> anyhow::Result<Vec<Column>> {
    let line = |line: &str| {
        let (name, data_type) = line.split_once(' ').context("a name and a type")?;
        anyhow::Ok(parse_column(name, data_type)?)
    };
    GA4_EVENTS.lines().map(line).collect()
}

/// Writes one schema file per shard, in the format that `WAREHOUSE_URL=file://` reads.
pub fn write(folder: &Path) -> anyhow::Result<()> {
    let fields: Vec<TableField> = ga4_events()?.into_iter().map(TableField::from).collect();
    let json = serde_json::to_vec(&fields)?;
    let days = date(2020, 11, 1)
        .series(1.day())
        .take_while(|day| *day <= date(2021, 1, 31));
    for day in days {
        let name = format!("{DATASET}.events_{}.json", day.strftime("%Y%m%d"));
        std::fs::write(folder.join(name), &json)?;
    }
    Ok(())
}
