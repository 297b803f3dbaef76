//! Families: which tables belong together, and what their wildcards match.

use warehouse::source::bigquery::settings::Changes;

use super::*;

fn fields(names: &[&str]) -> Value {
    let fields = names.iter().map(|name| column(name, "STRING"));
    fields.collect()
}

fn view(stub: &Stub, name: &str, kind: &str) {
    let schema = json!({"fields": fields(&["a"])});
    stub.put(SHOP, name, json!({"type": kind, "schema": schema}));
}

/// Three ways to read: by gets, by a query, and by a query of what is known.
async fn each_way(stub: &Stub, check: impl Fn(&Reading)) {
    let by_gets = source(stub, "shop", |s| s.changes = Changes::Get);
    let (first, _) = read(&by_gets, &[]).await;
    check(&first);
    let by_query = source(stub, "shop", |s| s.query_above = 0);
    check(&read(&by_query, &[]).await.0);
    check(&read(&shop(stub), &first.tables).await.0);
    check(&read(&by_gets, &first.tables).await.0);
}

#[tokio::test]
async fn a_family_knows_what_blocks_its_wildcard_and_which_narrower_one_is_free() {
    let stub = Stub::start().await;
    shards(&stub, "t_", 3, |_| fields(&["a"]));
    shards(&stub, "t_fresh_", 1, |_| fields(&["a"]));
    view(&stub, "t_latest", "VIEW");
    view(&stub, "t_sums", "MATERIALIZED_VIEW");
    view(&stub, "t_sheet", "EXTERNAL");

    each_way(&stub, |reading| {
        let shards = reading.tables[0].shards.as_ref().unwrap();
        assert_eq!(shards.blocked_by, ["t_latest", "t_sheet", "t_sums"]);
        assert_eq!(shards.siblings, ["t_fresh_*"]);
        assert_eq!(shards.wildcard.as_deref(), Some("t_2*"));
    })
    .await;
}

#[tokio::test]
async fn tables_named_only_by_a_date_are_a_family_of_their_dataset() {
    let stub = Stub::start().await;
    shards(&stub, "", 40, |_| fields(&["type"]));
    stub.table(SHOP, "orders", id());

    each_way(&stub, |reading| {
        assert_eq!(names(reading), ["acme.shop.*", "acme.shop.orders"]);
        let shards = reading.tables[0].shards.as_ref().unwrap();
        assert_eq!((shards.count, shards.last.as_str()), (40, "20210209"));
        assert_eq!(shards.siblings, ["orders"]);
        assert_eq!(shards.wildcard.as_deref(), Some("2*"));
    })
    .await;
}

#[tokio::test]
async fn tables_without_common_columns_are_not_a_family() {
    let stub = Stub::start().await;
    shards(&stub, "report_", 2, |at| {
        fields(if at == 0 { &["a", "b"] } else { &["x", "y"] })
    });
    shards(&stub, "odd_", 4, |at| {
        fields(if at == 0 { &["x"] } else { &["a", "b"] })
    });
    shards(&stub, "chain_", 3, |at| {
        fields([&["a", "b"], &["b", "c"], &["c", "d"]][at])
    });

    each_way(&stub, |reading| {
        assert_eq!(
            names(reading),
            [
                "acme.shop.chain_*",
                "acme.shop.odd_*",
                "acme.shop.odd_20210101",
                "acme.shop.report_20210101",
                "acme.shop.report_20210102"
            ]
        );
        let odd = reading.tables[1].shards.as_ref().unwrap();
        assert_eq!((odd.count, odd.first.as_str()), (3, "20210102"));
        assert_eq!(odd.siblings, ["odd_20210101"]);
        assert!(reading.problems.is_empty() && reading.unread.is_empty());
    })
    .await;
}

#[tokio::test]
async fn tables_that_are_known_apart_stay_as_known_if_none_can_be_read() {
    let stub = Stub::start().await;
    shards(&stub, "report_", 2, |at| {
        fields(if at == 0 { &["a"] } else { &["x"] })
    });
    stub.table(SHOP, "zones", id());
    let by_gets = source(&stub, "shop", |s| {
        s.changes = Changes::Get;
        s.parallelism = 1;
    });
    let (first, _) = read(&by_gets, &[]).await;
    // The tables are read in the order of their names.
    stub.fail(Method::Get, 1, &Fault::Error(403, "accessDenied"));

    let (again, _) = read(&by_gets, &first.tables).await;

    for table in ["report_20210101", "report_20210102"] {
        let unread = Unread::Table(format!("acme.shop.{table}"));
        assert!(again.unread.contains(&unread), "{:?}", again.unread);
    }
}

#[tokio::test]
async fn an_entry_of_a_listing_that_cannot_be_parsed_hides_no_other_table() {
    let stub = Stub::start().await;
    stub.table(SHOP, "orders", id());
    stub.put(
        SHOP,
        "odd",
        json!({"schema": {"fields": id()}, "timePartitioning": {"type": 7}}),
    );

    let (reading, _) = read(&shop(&stub), &[]).await;

    assert_eq!(names(&reading), ["acme.shop.orders"]);
    assert_eq!(reading.unread, [Unread::Table("acme.shop.odd".to_owned())]);
    let problem = &reading.problems[0];
    assert_eq!(problem.subject, "acme.shop.odd");
    assert!(problem.detail.contains("sync again"), "{}", problem.detail);
}

#[tokio::test]
async fn one_table_whose_get_returns_a_malformed_schema_hides_no_other_table() {
    let stub = Stub::start().await;
    stub.table(SHOP, "orders", id());
    stub.put(SHOP, "odd", json!({"schema": {"fields": [{"name": "a"}]}}));

    let (reading, _) = read(&shop(&stub), &[]).await;

    assert_eq!(names(&reading), ["acme.shop.orders"]);
    assert_eq!(reading.unread, [Unread::Table("acme.shop.odd".to_owned())]);
    assert_eq!(reading.problems[0].subject, "acme.shop.odd");
}
