//! A first reading: what is found, and what it costs.

use super::*;

#[tokio::test]
async fn ga4_in_92_shards_costs_one_listing_and_two_gets() {
    let stub = Stub::start().await;
    shards(&stub, "events_", 92, |_| {
        json!([column("event_date", "STRING")])
    });

    let (reading, usage) = read(&shop(&stub), &[]).await;

    assert_eq!(names(&reading), ["acme.shop.events_*"]);
    let shards = reading.tables[0].shards.as_ref().unwrap();
    assert_eq!((shards.count, shards.versions.len()), (92, 1));
    assert_eq!(
        (shards.first.as_str(), shards.last.as_str()),
        ("20210101", "20210402")
    );
    assert_eq!(usage.requests(), 3);
    assert_eq!(usage.bytes_billed(), 0);
}

#[tokio::test]
async fn a_listing_is_read_to_its_last_page_with_a_thousand_tables_per_page() {
    let stub = Stub::start().await;
    shards(&stub, "events_", 2_500, |_| id());

    let (reading, usage) = read(&shop(&stub), &[]).await;

    assert_eq!(reading.tables[0].shards.as_ref().unwrap().count, 2_500);
    assert_eq!(stub.calls(Method::List), 3);
    assert_eq!(usage.requests(), 5);
}

#[tokio::test]
async fn sibling_prefixes_are_two_families_that_name_each_other() {
    let stub = Stub::start().await;
    shards(&stub, "events_", 3, |_| id());
    shards(&stub, "events_intraday_", 1, |_| id());

    let (reading, _) = read(&shop(&stub), &[]).await;

    assert_eq!(
        names(&reading),
        ["acme.shop.events_*", "acme.shop.events_intraday_*"]
    );
    let siblings = |at: usize| reading.tables[at].shards.as_ref().unwrap().siblings.clone();
    assert_eq!(siblings(0), ["events_intraday_*"]);
    assert!(siblings(1).is_empty());
}

#[tokio::test]
async fn views_are_not_shards() {
    let stub = Stub::start().await;
    for name in ["v_20210101", "v_20210102"] {
        stub.put(
            SHOP,
            name,
            json!({"type": "VIEW", "schema": {"fields": id()}}),
        );
    }

    let (reading, _) = read(&shop(&stub), &[]).await;

    assert_eq!(
        names(&reading),
        ["acme.shop.v_20210101", "acme.shop.v_20210102"]
    );
    assert_eq!(reading.tables[0].kind, TableKind::View);
}

#[tokio::test]
async fn a_binary_search_finds_each_change_of_a_family() {
    let stub = Stub::start().await;
    shards(&stub, "events_", 114, drifting);

    let (reading, usage) = read(&shop(&stub), &[]).await;

    let versions = &reading.tables[0].shards.as_ref().unwrap().versions;
    let found: Vec<_> = versions
        .iter()
        .map(|version| (version.first.as_str(), version.count))
        .collect();
    assert_eq!(
        found,
        [
            ("20210101", 15),
            ("20210116", 5),
            ("20210121", 57),
            ("20210319", 25),
            ("20210413", 12)
        ]
    );
    let last = &versions[4].changes[0];
    assert_eq!(
        (last.path.as_str(), last.kind, last.breaks_wildcard),
        ("bundle", DriftKind::Retyped, true)
    );
    assert_eq!(reading.tables[0].columns.len(), 4);
    assert!(usage.requests() < 35, "{}", usage.requests());
}

#[tokio::test]
async fn a_query_finds_the_same_drift_as_gets_do() {
    let stub = Stub::start().await;
    shards(&stub, "events_", 114, drifting);
    let (by_gets, _) = read(&shop(&stub), &[]).await;

    let (by_query, usage) = read(&source(&stub, "shop", |s| s.query_above = 0), &[]).await;

    assert_eq!(by_query.tables, by_gets.tables);
    assert_eq!(usage.requests(), 2);
}

#[tokio::test]
async fn many_tables_are_read_by_one_query_per_dataset_with_the_same_result_as_gets() {
    let stub = Stub::start().await;
    rich(&stub);
    let (by_gets, _) = read(&shop(&stub), &[]).await;
    stub.reset_calls();

    let (by_query, usage) = read(&source(&stub, "shop", |s| s.query_above = 5), &[]).await;

    assert_eq!(by_query.tables, as_a_query_tells(&by_gets.tables));
    assert_eq!(stub.calls(Method::Get), 0);
    assert_eq!(usage.requests(), 2);
    assert_eq!(usage.bytes_billed(), 10 << 20);
}

#[tokio::test]
async fn properties_of_a_bigquery_table_are_kept() {
    let stub = Stub::start().await;
    rich(&stub);

    let (reading, _) = read(&shop(&stub), &[]).await;

    let table = |name: &str| {
        let name = format!("{SHOP}.{name}");
        let mut tables = reading.tables.iter();
        tables.find(|table| table.name == name).unwrap()
    };
    let customers = table("customers");
    assert_eq!(
        customers.description.as_deref(),
        Some("People who \"buy\"\nthings")
    );
    assert_eq!(customers.primary_key, ["id"]);
    assert_eq!(customers.columns[0].mode, Mode::Required);
    assert_eq!(customers.columns[1].data_type, "STRING(10)");
    let orders = table("orders");
    assert!(orders.require_partition_filter);
    assert_eq!(orders.clustering, ["customer"]);
    assert_eq!(orders.foreign_keys[0].references, "acme.shop.customers");
    let by = |name| table(name).partitioning.as_ref().unwrap();
    assert_eq!(
        (by("orders").column.as_str(), by("orders").unit.as_str()),
        ("at", "DAY")
    );
    assert_eq!(
        (by("hits").column.as_str(), by("hits").unit.as_str()),
        ("_PARTITIONTIME", "HOUR")
    );
    assert_eq!(
        (by("by_range").column.as_str(), by("by_range").unit.as_str()),
        ("n", "RANGE")
    );
    let price = &orders.columns[2].fields[1];
    assert_eq!(price.fields[0].description.as_deref(), Some("in euros"));
}

#[tokio::test]
async fn an_external_table_is_read_by_a_get() {
    let stub = Stub::start().await;
    rich(&stub);
    stub.put(
        SHOP,
        "sheet",
        json!({"type": "EXTERNAL", "schema": {"fields": id()}}),
    );

    let (reading, _) = read(&source(&stub, "shop", |s| s.query_above = 0), &[]).await;

    let sheet = reading
        .tables
        .iter()
        .find(|table| table.name == "acme.shop.sheet");
    assert_eq!(sheet.unwrap().kind, TableKind::External);
    assert_eq!(stub.calls(Method::Get), 1);
}

#[tokio::test]
async fn a_table_with_an_unparseable_type_is_read_by_a_get() {
    let stub = Stub::start().await;
    rich(&stub);
    stub.table(SHOP, "odd", json!([column("c", "FUTURE<TYPE")]));

    let (reading, _) = read(&source(&stub, "shop", |s| s.query_above = 0), &[]).await;

    let odd = reading
        .tables
        .iter()
        .find(|table| table.name == "acme.shop.odd");
    assert_eq!(odd.unwrap().columns[0].data_type, "FUTURE<TYPE");
    assert_eq!(stub.calls(Method::Get), 1);
}

#[tokio::test]
async fn the_query_of_a_dataset_in_another_project_is_billed_to_the_own_project() {
    let stub = Stub::start().await;
    stub.table("public-data.ga4", "t", id());

    let (reading, usage) = read(
        &source(&stub, "public-data.ga4", |s| s.query_above = 0),
        &[],
    )
    .await;

    assert_eq!(names(&reading), ["public-data.ga4.t"]);
    assert_eq!(usage.requests(), 2);
}

#[tokio::test]
async fn a_long_query_is_polled_in_its_location_and_read_to_its_last_page() {
    let stub = Stub::start().await;
    rich(&stub);
    let (by_gets, _) = read(&shop(&stub), &[]).await;
    stub.set_results(2, 3);

    let (by_query, usage) = read(&source(&stub, "shop", |s| s.query_above = 0), &[]).await;

    assert_eq!(by_query.tables, as_a_query_tells(&by_gets.tables));
    assert_eq!(
        stub.calls(Method::Results),
        3 + 2,
        "polls, and pages after the first"
    );
    assert_eq!(usage.bytes_billed(), 10 << 20, "the least that is billed");
}

#[tokio::test]
async fn a_dataset_in_another_location_is_queried_there() {
    let stub = Stub::start().await;
    rich(&stub);
    stub.locate(SHOP, "asia-northeast3");

    let (reading, _) = read(&source(&stub, "shop", |s| s.query_above = 0), &[]).await;

    assert_eq!(reading.tables.len(), 6);
    assert_eq!(
        (stub.calls(Method::Dataset), stub.calls(Method::Query)),
        (1, 2)
    );
    assert!(reading.problems.is_empty());
}

#[tokio::test]
async fn progress_is_reported_up_to_the_last_table() {
    let stub = Stub::start().await;
    rich(&stub);
    let observer = Recorder::default();

    shop(&stub).read(&[], &observer).await.unwrap();

    let reported = observer.progress();
    assert!(reported.contains(&Progress::Listing {
        datasets_done: 1,
        datasets: 1
    }));
    assert_eq!(
        reported.last(),
        Some(&Progress::Reading {
            tables_done: 6,
            tables: 6
        })
    );
}

#[tokio::test]
async fn every_way_of_reading_returns_policy_tags() {
    let stub = Stub::start().await;
    rich(&stub);

    for query_above in [usize::MAX, 0] {
        let source = source(&stub, "shop", |s| s.query_above = query_above);
        let (reading, _) = read(&source, &[]).await;

        let mut tables = reading.tables.iter();
        let customers = tables.find(|table| table.name == "acme.shop.customers");
        let columns = &customers.unwrap().columns;
        let tags = ["projects/acme/policyTags/1"];
        assert_eq!(columns[4].policy_tags, tags);
        assert_eq!(columns[4].description.as_deref(), Some("personal"));
        assert_eq!(columns[5].fields[0].policy_tags, tags);
        assert!(columns[5].fields[1].policy_tags.is_empty());
    }
}

#[tokio::test]
async fn an_emulator_without_policy_tags_is_queried_without_them() {
    let stub = Stub::start().await;
    stub.table(SHOP, "t", id());
    stub.set_without("policy_tags");
    let source = source(&stub, "shop", |s| s.query_above = 0);

    let (first, usage) = read(&source, &[]).await;

    assert_eq!(names(&first), ["acme.shop.t"]);
    assert!(first.problems.is_empty());
    assert_eq!(usage.requests(), 3);
    let (_, usage) = read(&source, &first.tables).await;
    assert_eq!(usage.requests(), 2, "it is not asked for them again");
}
