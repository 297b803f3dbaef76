//! Messages of a warehouse.

use schema::Dialect;
use schema::document::{Column, Table, TableKind};

fn orders() -> Vec<Table> {
    let mut orders = Table::new(["db", "shop", "orders"], TableKind::Table);
    orders.columns = vec![
        Column::leaf("id", "integer"),
        Column::leaf("status", "shop.status"),
        Column::leaf("mood", "enum"),
    ];
    vec![orders]
}

#[test]
fn a_message_that_names_what_is_neither_in_the_schema_nor_in_the_query_is_not_known() {
    let tables = orders();
    let schema = ground::Schema::new(&tables, Dialect::Postgres);
    let sql = "select o.id, 'abc x' as zzparent, 1 as zzhidden from shop.orders as o";
    for (message, expected) in [
        (
            "column \"o.id\" must appear in the GROUP BY clause or be used in an aggregate function",
            true,
        ),
        (
            "invalid input syntax for type integer: \"abc x\" at line 1, column 8",
            true,
        ),
        (
            "operator does not exist: shop.status = integer at line 1, column 3",
            true,
        ),
        ("invalid input value for enum shop.status: \"abc\"", true),
        (
            "function sum(text) does not exist at line 1, column 8 (No function matches the given name and \
          argument types. You might need to add explicit type casts.)",
            true,
        ),
        ("division by zero", true),
        ("UNION types text and integer cannot be matched", true),
        ("invalid input value for enum zzsecret.mood: \"abc\"", false),
        ("operator does not exist: zzsecret.zzkind = integer", false),
        ("operator does not exist: grade = integer", false),
        ("foreign-data wrapper \"zzwrapper\" has no handler", false),
        ("invalid input value for enum \"zzmood\": \"abc\"", false),
        // A guess in the query is not confirmed.
        (
            "operator does not exist: zzhidden.zzparent = integer",
            false,
        ),
        ("operator does not exist: zzparent = integer", false),
    ] {
        assert_eq!(
            ground::names_only_known(message, sql, &schema),
            expected,
            "{message}"
        );
    }
}

#[test]
fn a_message_of_bigquery_that_names_only_the_query_and_the_schema_is_known() {
    let tables = orders();
    let schema = ground::Schema::new(&tables, Dialect::Bigquery);
    let sql = "select totl, id = 'x' from `db.shop.orders`";
    for (message, expected) in [
        ("Unrecognized name: totl; Did you mean id? at [1:8]", true),
        (
            "No matching signature for operator = for argument types: INT64, STRING at [1:14]",
            true,
        ),
        (
            "Cannot query over table 'db.shop.orders' without a filter over column(s) 'id' that can be used \
             for partition elimination",
            true,
        ),
        ("Not found: Table db:shop.orders was not found", true),
        ("Not found: Table db:hr.people was not found", false),
        (
            "Unrecognized name: salary; failed to parse view 'db.shop.orders' at [1:8]",
            false,
        ),
        ("Access Denied: Table x:y.z", false),
    ] {
        assert_eq!(
            ground::names_only_known(message, sql, &schema),
            expected,
            "{message}"
        );
    }
}
