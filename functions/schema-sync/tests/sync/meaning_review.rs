//! When a sync checks again what people wrote, and what it stores then.

use super::meaning::{COLUMNS, Shop, TOTAL, shop};
use super::*;

const REVENUE: &str = "/v1/schema/metrics/revenue";

/// A shop with the metric `sum(total)`.
async fn with_revenue() -> Shop {
    let shop = shop().await;
    let metric = json!({"sql": "sum(total)", "table": "orders"});
    assert_eq!(shop.put(REVENUE, metric).await.status, 201);
    shop
}

async fn error(shop: &Shop) -> Value {
    shop.get(REVENUE).await.json()["error"].clone()
}

#[tokio::test]
async fn the_warehouse_plans_a_metric_again_when_its_table_changes() {
    let shop = with_revenue().await;
    shop.warehouse.reject_with("sum(total)", "no sum of totals");
    assert_eq!(run(&shop.sync).await.problems, [], "nothing changed");
    shop.warehouse.set(
        "p.shop.orders",
        &COLUMNS.replace("total FLOAT64", "total STRING"),
    );

    let answer = run(&shop.sync).await;

    let expected =
        "the metric \"revenue\" is not used: the warehouse rejects the query; change or remove it";
    assert_eq!(answer.problems[0].detail, expected);
    assert_eq!(answer.problems[0].subject, "p.shop.orders");
    assert_eq!(error(&shop).await, "the warehouse rejects the query");
    let again = run(&shop.sync).await;
    assert_eq!(again.problems[0].detail, expected, "it still doesn't fit");
    assert!(!again.updated);
}

#[tokio::test]
async fn a_metric_whose_planning_runs_out_of_time_stays_as_it_was() {
    let shop = with_revenue().await;
    let with_note = format!("{COLUMNS}, note STRING");
    shop.warehouse.set("p.shop.orders", &with_note);
    shop.warehouse.is_slow.store(true, Ordering::Relaxed);
    let answer = run(&shop.sync).await;
    assert!(error(&shop).await.is_null());
    let details: Vec<&str> = answer.problems.iter().map(|it| &*it.detail).collect();
    let is_reported = |it: &&str| it.contains("revenue") && it.contains("planning takes too long");
    assert!(details.iter().any(is_reported), "{details:?}");

    let metric = json!({"sql": "max(total)", "table": "orders"});
    let new = shop.put("/v1/schema/metrics/most", metric).await;
    assert_eq!(
        new.status, 422,
        "nobody knows that a new one was ever planned"
    );
}

#[tokio::test]
async fn a_sync_without_changes_has_no_entry_checked() {
    let shop = with_revenue().await;
    run(&shop.sync).await;
    let plans = shop.warehouse.plans.load(Ordering::Relaxed);
    run(&shop.sync).await;
    assert_eq!(shop.warehouse.plans.load(Ordering::Relaxed), plans);
}

#[tokio::test]
async fn a_metric_that_can_not_be_checked_stays_as_it_was() {
    let shop = with_revenue().await;
    shop.warehouse
        .set("p.shop.orders", &format!("{COLUMNS}, note STRING"));
    *shop.warehouse.failure.lock().unwrap() = Some("the warehouse is busy");
    let answer = run(&shop.sync).await;
    assert!(error(&shop).await.is_null());
    let start = "the metric \"revenue\" could not be checked again";
    let mut details = answer.problems.iter().map(|it| it.detail.as_str());
    assert!(
        details.any(|it| it.starts_with(start)),
        "{:?}",
        answer.problems
    );
}

#[tokio::test]
async fn a_stored_reason_suggests_no_name_of_another_dataset() {
    let shop = shop().await;
    shop.warehouse
        .set("p.hr.people", "id INT64, salary_eur FLOAT64");
    shop.warehouse
        .set("p.shop.orders", "id INT64, salary_usd FLOAT64");
    run(&shop.sync).await;
    let path = "/v1/schema/descriptions/p.shop.orders";
    let text = json!({"text": "Paid in `salary_usd`."});
    assert_eq!(shop.put(path, text).await.status, 201);
    shop.warehouse.set("p.shop.orders", "id INT64");

    run(&shop.sync).await;

    let stored = shop.get(path).await.json();
    let error = stored["error"].as_str().unwrap();
    assert!(error.contains("salary_usd is mentioned"), "{error}");
    assert!(!error.contains("salary_eur"), "{error}");
}

#[tokio::test]
async fn a_document_that_0_1_0_can_not_read_has_another_format() {
    let shop = shop().await;
    assert_eq!(head(&shop.store).await.format, 1);
    shop.put(TOTAL, json!({"text": "Gross."})).await;
    assert_eq!(head(&shop.store).await.format, 2);
    run(&shop.sync).await;
    assert_eq!(head(&shop.store).await.format, 2);
    shop.delete(TOTAL).await;
    assert_eq!(head(&shop.store).await.format, 1);
}
