//! Queries and descriptions that are long or deep.

use std::time::{Duration, Instant};

use ground::{FaultKind, MAX_SQL_BYTES, Schema};
use schema::Dialect;

use crate::{bigquery, faults};

#[test]
fn sql_that_is_too_long_or_too_deep_is_a_fault() {
    let cases = [
        (
            format!("select '{}'", "a".repeat(MAX_SQL_BYTES)),
            FaultKind::TooLarge,
        ),
        (
            format!("select 1{}", " + 1".repeat(20_000)),
            FaultKind::TooLarge,
        ),
        (format!("select {}1", "-".repeat(9_000)), FaultKind::Syntax),
        (
            format!("select {}1", "not ".repeat(9_000)),
            FaultKind::Syntax,
        ),
        (
            format!("select {}1{}", "(".repeat(900), ")".repeat(900)),
            FaultKind::Syntax,
        ),
        (
            format!("select * from {}", "(".repeat(900)),
            FaultKind::Syntax,
        ),
        (
            format!("{}select 1", "select (".repeat(900)),
            FaultKind::Syntax,
        ),
        (
            format!("select {}", "case when ".repeat(900)),
            FaultKind::Syntax,
        ),
        (
            format!("select 1{}", " is null".repeat(5_000)),
            FaultKind::TooLarge,
        ),
        (
            format!("select 1{}", " union all select 1".repeat(4_000)),
            FaultKind::TooLarge,
        ),
        (
            format!("select {}'a'{}", "position(".repeat(20), ")".repeat(20)),
            FaultKind::TooLarge,
        ),
        (
            format!("select {}'a'{}", "f(Position (".repeat(20), "))".repeat(20)),
            FaultKind::TooLarge,
        ),
        (
            format!("select a{}", "[0]".repeat(6_000)),
            FaultKind::Column,
        ),
        (
            format!("select {}", "array<".repeat(3_000)),
            FaultKind::Syntax,
        ),
        (
            format!("select {}", "struct(".repeat(3_000)),
            FaultKind::Syntax,
        ),
        (
            format!("select cast(1 as {}", "array<".repeat(3_000)),
            FaultKind::Syntax,
        ),
    ];
    for (sql, kind) in cases {
        let begun = Instant::now();
        let found = faults(&sql);
        assert_eq!(found[0].kind, kind, "{}: {:?}", &sql[..30], found[0]);
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(5), "{}: {took:?}", &sql[..30]);
    }
}

#[test]
fn a_long_chain_of_conditions_is_not_a_fault() {
    let tables = bigquery();
    let sql = format!(
        "select order_id from shop.orders where order_id = 0{}",
        " or order_id = 1".repeat(2_000)
    );

    let found = ground::sql(&sql, &Schema::new(&tables, Dialect::Bigquery));

    assert!(found.is_ok(), "{found:?}");
}

#[test]
fn a_long_description_is_checked_to_its_end() {
    let tables = bigquery();
    let schema = Schema::new(&tables, Dialect::Bigquery);
    let check = |text: &str| ground::text(text, &tables[0], None, &schema);

    let long = "values such as page_view, event_name, 'a_b' and (c) `platform`; ".repeat(280);
    assert_eq!(check(&long), Ok(()));
    let faults = check(&format!("{long} is_active_user")).expect_err("the last word is wrong");
    assert_eq!(faults[0].identifier, "is_active_user");
    let faults = check(&long.repeat(2)).expect_err("it is too long");
    assert_eq!(faults[0].kind, FaultKind::TooLarge);
}
