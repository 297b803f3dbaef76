//! How what was chosen is written down.

use super::*;

#[test]
fn tables_that_must_be_queried_differently_share_no_card() {
    let columns = ["day", "median_income", "population", "households"];
    let mut tables: Vec<Table> = (2010..2014)
        .map(|year| table(&format!("p.census.county_{year}"), &columns))
        .collect();
    // Nearly the same columns, so that they are alike and not the same.
    tables[1].columns.push(Column::leaf("extra", "STRING"));
    for position in [1, 3] {
        tables[position].partitioning = Some(schema_sync::document::Partitioning {
            column: "day".into(),
            unit: "DAY".into(),
        });
    }
    tables[3].require_partition_filter = true;
    let document = with_noise(tables);
    let context = ask(&document, "income of counties", 400);
    let line = |start: &str| {
        let mut lines = context.context.lines();
        lines
            .find(|line| line.starts_with(start))
            .map(str::to_owned)
    };
    assert!(
        line("`p.census.county_2011` [partition DAY of day]").is_some(),
        "{}",
        context.context
    );
    assert!(
        line("`p.census.county_2013` [partition DAY of day, filter required]").is_some(),
        "{}",
        context.context
    );
    assert!(line("alike: county_2012").is_some(), "{}", context.context);
}
