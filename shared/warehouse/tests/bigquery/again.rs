//! Reading again: only what was altered is read.

use super::*;

#[tokio::test]
async fn an_unchanged_warehouse_costs_one_listing_and_one_query_per_dataset() {
    let stub = Stub::start().await;
    rich(&stub);
    stub.table("acme.web", "pages", id());
    let source = source(&stub, "shop,web", |_| {});
    let (first, _) = read(&source, &[]).await;
    stub.reset_calls();

    let (again, usage) = read(&source, &first.tables).await;

    assert_eq!(again.tables, first.tables);
    assert_eq!(stub.calls(Method::Get), 0);
    assert_eq!(usage.requests(), 4);
    assert_eq!(usage.bytes_billed(), 2 * (10 << 20));
}

/// A struct with a field that is required and one that is guarded.
fn guarded(tag: &str) -> Value {
    json!([{"name": "s", "type": "RECORD", "fields": [
        {"name": "a", "type": "STRING", "mode": "REQUIRED"},
        {"name": "b", "type": "STRING", "policyTags": {"names": [tag]}}]}])
}

#[tokio::test]
async fn properties_that_the_query_lacks_do_not_count_as_changed() {
    let stub = Stub::start().await;
    stub.table(SHOP, "t", guarded("projects/acme/tag"));
    let source = shop(&stub);
    let (first, _) = read(&source, &[]).await;
    stub.reset_calls();

    let (again, _) = read(&source, &first.tables).await;

    assert_eq!(stub.calls(Method::Get), 0);
    assert_eq!(again.tables, first.tables);
    let field = &again.tables[0].columns[0].fields[0];
    assert_eq!(field.mode, Mode::Required);
}

#[tokio::test]
async fn a_known_required_nested_field_stays_required_if_a_query_reads_its_table() {
    let stub = Stub::start().await;
    stub.table(SHOP, "t", guarded("projects/acme/tag"));
    let (first, _) = read(&shop(&stub), &[]).await;
    stub.add_column(SHOP, "t", column("note", "STRING"));
    stub.reset_calls();

    let by_query = source(&stub, "shop", |s| s.query_above = 0);
    let (again, _) = read(&by_query, &first.tables).await;

    assert_eq!(stub.calls(Method::Get), 0);
    let columns = &again.tables[0].columns;
    assert_eq!(columns.len(), 2);
    assert_eq!(columns[0].fields[0].mode, Mode::Required);
}

#[tokio::test]
async fn an_added_or_removed_policy_tag_is_a_change() {
    let stub = Stub::start().await;
    stub.table(SHOP, "t", guarded("projects/acme/tag"));
    let source = shop(&stub);
    let (first, _) = read(&source, &[]).await;
    stub.table(SHOP, "t", guarded("projects/acme/other"));

    let (again, _) = read(&source, &first.tables).await;

    let tags = |reading: &Reading| reading.tables[0].columns[0].fields[1].policy_tags.clone();
    assert_eq!(tags(&first), ["projects/acme/tag"]);
    assert_eq!(tags(&again), ["projects/acme/other"]);
}

#[tokio::test]
async fn if_the_query_lacks_policy_tags_the_known_ones_are_kept() {
    let stub = Stub::start().await;
    stub.table(SHOP, "t", guarded("projects/acme/tag"));
    let (first, _) = read(&shop(&stub), &[]).await;
    stub.set_without("policy_tags");
    stub.add_column(SHOP, "t", column("note", "STRING"));

    let by_query = source(&stub, "shop", |s| s.query_above = 0);
    let (again, _) = read(&by_query, &first.tables).await;

    let columns = &again.tables[0].columns;
    assert_eq!(columns.len(), 2);
    assert_eq!(columns[0].fields[1].policy_tags, ["projects/acme/tag"]);
}

#[tokio::test]
async fn only_changed_and_new_tables_are_read_again() {
    let stub = Stub::start().await;
    rich(&stub);
    let source = shop(&stub);
    let (first, _) = read(&source, &[]).await;
    stub.reset_calls();
    stub.add_column(SHOP, "orders", column("note", "STRING"));
    stub.table(SHOP, "brand_new", id());
    stub.drop_table(SHOP, "hits");
    stub.alter(SHOP, "by_range", |table| {
        table["rangePartitioning"] = json!({"field": "m"});
    });

    let (again, _) = read(&source, &first.tables).await;

    assert_eq!(stub.calls(Method::Get), 2, "orders and brand_new");
    assert!(!names(&again).contains(&"acme.shop.hits"));
    assert!(names(&again).contains(&"acme.shop.brand_new"));
    let of = |name| {
        again
            .tables
            .iter()
            .find(|table| table.name == name)
            .unwrap()
    };
    assert_eq!(of("acme.shop.orders").columns.len(), 4);
    let partitioning = of("acme.shop.by_range").partitioning.as_ref().unwrap();
    assert_eq!(partitioning.column, "m");
}

#[tokio::test]
async fn a_changed_nested_description_is_a_change() {
    let stub = Stub::start().await;
    rich(&stub);
    let source = shop(&stub);
    let (first, _) = read(&source, &[]).await;
    stub.alter(SHOP, "orders", |table| {
        table["schema"]["fields"][2]["fields"][0]["description"] = json!("stock unit");
    });

    let (again, _) = read(&source, &first.tables).await;

    let orders = again
        .tables
        .iter()
        .find(|table| table.name == "acme.shop.orders");
    let sku = &orders.unwrap().columns[2].fields[0];
    assert_eq!(sku.description.as_deref(), Some("stock unit"));
}

#[tokio::test]
async fn new_shards_of_the_same_schema_cost_no_get() {
    let stub = Stub::start().await;
    shards(&stub, "events_", 10, |_| id());
    let source = shop(&stub);
    let (first, _) = read(&source, &[]).await;
    shards(&stub, "events_", 12, |_| id());
    stub.drop_table(SHOP, "events_20210101");
    stub.reset_calls();

    let (again, usage) = read(&source, &first.tables).await;

    let shards = again.tables[0].shards.as_ref().unwrap();
    assert_eq!(
        (shards.count, shards.first.as_str(), shards.last.as_str()),
        (11, "20210102", "20210112")
    );
    assert_eq!(shards.versions[0].count, 11);
    assert_eq!(usage.requests(), 2);
    assert_eq!(stub.calls(Method::Get), 0);
}

#[tokio::test]
async fn a_new_shard_of_another_schema_costs_one_get() {
    let stub = Stub::start().await;
    shards(&stub, "events_", 10, |_| id());
    let source = shop(&stub);
    let (first, _) = read(&source, &[]).await;
    stub.table(SHOP, "events_20210111", json!([column("id", "STRING")]));
    stub.reset_calls();

    let (again, _) = read(&source, &first.tables).await;

    assert_eq!(stub.calls(Method::Get), 1);
    let versions = &again.tables[0].shards.as_ref().unwrap().versions;
    assert_eq!(versions.len(), 2);
    assert!(versions[1].changes[0].breaks_wildcard);
    assert_eq!(again.tables[0].columns[0].data_type, "STRING");
}

#[tokio::test]
async fn without_permission_to_query_tables_are_read_by_gets_and_the_role_is_named_once() {
    let stub = Stub::start().await;
    rich(&stub);
    shards(&stub, "drift_", 114, drifting);
    stub.table("acme.web", "pages", id());
    let source = source(&stub, "shop,web", |_| {});
    let (first, _) = read(&source, &[]).await;
    stub.deny_jobs();
    stub.reset_calls();

    let (again, usage) = read(&source, &first.tables).await;

    assert_eq!(again.tables, first.tables);
    assert_eq!(stub.calls(Method::Get), first.tables.len(), "one a family");
    assert_eq!(usage.bytes_billed(), 0);
    assert_eq!(again.problems.len(), 1);
    assert_eq!(again.problems[0].subject, "acme");
    assert!(again.unread.is_empty());
    assert!(again.problems[0].detail.contains("roles/bigquery.jobUser"));
}

#[tokio::test]
async fn gets_alone_find_changes() {
    let stub = Stub::start().await;
    rich(&stub);
    let source = source(&stub, "shop", |settings| {
        settings.changes = warehouse::source::bigquery::settings::Changes::Get;
    });
    let (first, _) = read(&source, &[]).await;

    let (again, _) = read(&source, &first.tables).await;

    assert_eq!(again.tables, first.tables);
    assert_eq!(stub.calls(Method::Query), 0);
    assert!(again.problems.is_empty());
}
