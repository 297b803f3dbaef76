//! Metrics whose SQL only the warehouse can read.

use super::meaning::{COLUMNS, Shop, shop};
use super::*;

const REVENUE: &str = "/v1/schema/metrics/revenue";
/// An expression that the parser doesn't know.
const UNREAD: &str = "sum(total option)";

async fn put(shop: &Shop, sql: &str) -> (u16, String) {
    let metric = json!({"sql": sql, "table": "orders"});
    let answer = shop.put(REVENUE, metric).await;
    (answer.status.as_u16(), answer.text().to_owned())
}

#[tokio::test]
async fn a_metric_that_only_the_warehouse_can_read_holds_if_it_reads_its_table_alone() {
    let shop = shop().await;
    let (status, detail) = put(&shop, UNREAD).await;
    assert_eq!(status, 422, "the warehouse reports no table: {detail}");
    assert!(detail.contains("it can't be read here"), "{detail}");
    shop.warehouse.also_reads("p.shop.orders");
    let plans = shop.warehouse.plans.load(Ordering::Relaxed);
    let (status, detail) = put(&shop, UNREAD).await;
    assert_eq!(status, 201, "{detail}");
    let both = shop.warehouse.plans.load(Ordering::Relaxed) - plans;
    assert_eq!(both, 2, "in parentheses and alone");

    shop.warehouse.also_reads("p.hr.people");
    let (status, detail) = put(&shop, "max(total option)").await;
    assert_eq!(status, 422, "it reads another table: {detail}");
}

#[tokio::test]
async fn a_metric_that_only_the_warehouse_can_read_is_one_expression() {
    let shop = shop().await;
    shop.warehouse.also_reads("p.shop.orders");
    shop.warehouse
        .reject_with("select\nsum(total option)\nas", "not one expression");
    let (status, detail) = put(&shop, UNREAD).await;
    assert_eq!(status, 422, "{detail}");
    assert!(detail.contains("must be one expression"), "{detail}");
}

#[tokio::test]
async fn a_metric_that_only_the_warehouse_can_read_is_planned_again_when_its_table_changes() {
    let shop = shop().await;
    shop.warehouse.also_reads("p.shop.orders");
    assert_eq!(put(&shop, UNREAD).await.0, 201);
    shop.warehouse.reject(UNREAD);
    shop.warehouse.set("p.hr.people", "id INT64");
    assert_eq!(run(&shop.sync).await.problems, [], "another table changed");

    shop.warehouse
        .set("p.shop.orders", &format!("{COLUMNS}, note STRING"));
    let problems = run(&shop.sync).await.problems;

    assert!(
        problems[0]
            .detail
            .contains("the metric \"revenue\" is not used"),
        "{problems:?}"
    );
}

#[tokio::test]
async fn a_metric_of_a_table_that_requires_a_filter_is_planned_with_one() {
    let shop = shop().await;
    shop.warehouse.also_reads("p.shop.orders");
    assert_eq!(put(&shop, UNREAD).await.0, 201);
    for column in ["placed", "id", "note", "_PARTITIONTIME"] {
        shop.warehouse
            .set("p.shop.orders", &format!("{COLUMNS}, note STRING"));
        shop.warehouse.require_filter("p.shop.orders", column);

        let answer = run(&shop.sync).await;

        assert_eq!(answer.problems, [], "{column}");
        let metric = shop.get(REVENUE).await.json();
        assert!(metric["error"].is_null(), "{column}: {metric}");
        let (status, detail) = put(&shop, &format!("max({column} option)")).await;
        assert_eq!(status, 200, "{column}: {detail}");
    }
    shop.warehouse.reject_with("sum(total)", "no sum of totals");
    let (status, detail) = put(&shop, "sum(total)").await;
    assert_eq!(status, 422, "the warehouse plans what can be read, too");
    assert!(detail.contains("no sum of totals"), "{detail}");
}

#[tokio::test]
async fn a_required_filter_that_can_not_be_written_disables_no_known_metric() {
    let shop = shop().await;
    shop.warehouse.also_reads("p.shop.orders");
    assert_eq!(put(&shop, UNREAD).await.0, 201);
    shop.warehouse.require_filter("p.shop.orders", "total");

    let answer = run(&shop.sync).await;

    let metric = shop.get(REVENUE).await.json();
    assert!(metric["error"].is_null(), "{metric}");
    let reason = "p.shop.orders requires a filter on total";
    let mut details = answer.problems.iter().map(|it| it.detail.as_str());
    assert!(
        details.any(|it| it.contains("could not be checked again") && it.contains(reason)),
        "{:?}",
        answer.problems
    );
    let (status, detail) = put(&shop, "max(total option)").await;
    assert_eq!(status, 422, "{detail}");
    assert!(detail.contains(reason), "{detail}");
    assert_eq!(put(&shop, "max(total)").await.0, 200);
}
