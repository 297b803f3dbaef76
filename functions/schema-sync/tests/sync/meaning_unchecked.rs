//! Metrics that a sync could not check.

use super::meaning::{COLUMNS, Shop, shop};
use super::*;

const REVENUE: &str = "/v1/schema/metrics/revenue";

/// A shop whose metric `sum(total)` could not be planned since its table changed.
async fn with_unchecked() -> Shop {
    let shop = shop().await;
    let metric = json!({"sql": "sum(total)", "table": "orders"});
    assert_eq!(shop.put(REVENUE, metric).await.status, 201);
    let text = COLUMNS.replace("total FLOAT64", "total STRING");
    shop.warehouse.set("p.shop.orders", &text);
    *shop.warehouse.failure.lock().unwrap() = Some("the warehouse is busy");
    let details = run(&shop.sync).await.problems;
    assert!(
        details[0].detail.contains("could not be checked again"),
        "{details:?}"
    );
    shop
}

#[tokio::test]
async fn a_metric_that_a_sync_could_not_check_is_checked_by_the_next_one() {
    let shop = with_unchecked().await;
    assert_eq!(shop.get(REVENUE).await.json()["unchecked"], true);
    let again = run(&shop.sync).await;
    assert!(!again.updated, "the warehouse is still busy");
    assert!(
        again.problems[0]
            .detail
            .contains("could not be checked again")
    );
    *shop.warehouse.failure.lock().unwrap() = None;
    shop.warehouse.reject_with("sum(total)", "no sum of texts");

    let answer = run(&shop.sync).await;

    assert!(
        answer.problems[0]
            .detail
            .contains("the warehouse rejects the query"),
        "{:?}",
        answer.problems
    );
    let metric = shop.get(REVENUE).await.json();
    assert_eq!(metric["error"], "the warehouse rejects the query");
    assert!(metric["unchecked"].is_null());
}

#[tokio::test]
async fn a_metric_that_is_checked_at_last_is_not_checked_again() {
    let shop = with_unchecked().await;
    *shop.warehouse.failure.lock().unwrap() = None;
    assert_eq!(run(&shop.sync).await.problems, []);
    let metric = shop.get(REVENUE).await.json();
    assert!(
        metric["unchecked"].is_null() && metric["error"].is_null(),
        "{metric}"
    );
    let plans = shop.warehouse.plans.load(Ordering::Relaxed);
    assert!(!run(&shop.sync).await.updated);
    assert_eq!(shop.warehouse.plans.load(Ordering::Relaxed), plans);
}
