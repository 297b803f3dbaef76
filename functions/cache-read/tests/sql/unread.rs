//! Queries that only the warehouse can read.

use serde_json::{Value, json};

use super::story::{Story, query, told};

/// A pipe operator that the parser does not know.
const UNREADABLE: &str = "from `p.shop.orders` |> tally id";

#[tokio::test]
async fn sql_that_only_bigquery_can_read_is_verified_by_its_dry_run() {
    for datasets in ["p.shop", "p.shop,p.hr"] {
        let story = Story::with([query(UNREADABLE)]).await;
        let reads = &["p.shop.orders"];
        story.bigquery.plan_as(UNREADABLE, "SELECT", reads);
        let answer = told(&story.ask_as(datasets).await);
        assert_eq!(answer["sql"], UNREADABLE, "{answer}");
        assert_eq!(answer["verified"]["how"], "dry_run");
        assert_eq!(answer["tables"], json!(["p.shop.orders"]));
    }
}

#[tokio::test]
async fn sql_that_cannot_be_read_and_is_not_proven_to_stay_in_scope_is_refused_with_the_place() {
    for (kind, reads) in [
        ("SCRIPT", &["p.shop.orders"][..]),
        ("SELECT", &["p.shop.orders", "p.hr.people"]),
        ("SELECT", &["p.shop.orders", "q.shop.orders"]),
    ] {
        let story = Story::with([query(UNREADABLE), query(UNREADABLE)]).await;
        story.bigquery.plan_as(UNREADABLE, kind, reads);
        let answer = told(&story.ask_as("p.shop").await);
        assert_eq!(
            (&answer["sql"], story.dry_runs()),
            (&Value::Null, 2),
            "{answer}"
        );
        let reason = answer["reason"].as_str().unwrap();
        let place = "it can't be read here, at line 1, column 25: ";
        assert!(reason.contains(place) && !reason.contains("hr"), "{reason}");
    }
}

#[tokio::test]
async fn sql_that_cannot_be_read_and_names_anything_out_of_scope_never_reaches_the_warehouse() {
    for sql in [
        "from `p.hr.people` |> tally id",
        "from `p.shop.orders` |> tally id |> cross join `p.hr`.`people`",
        "from `p.shop.orders` |> tally id |> where id in (select id from hr.people)",
        "from `p.shop.orders` |> tally people",
        "from `p.shop.orders` |> tally id-people",
        "from `p.shop.orders` |> tally session_user()",
        // A table that nobody knows, whose tables beneath may be in scope.
        "from `p.other.view` |> tally id",
        "from other.view |> tally id",
        "select with(a as `p.other.remote`(id), a) from `p.shop.orders` option x",
        "from `p.shop.orders` |> tally id; select 1",
    ] {
        let story = Story::with([query(sql), query(sql)]).await;
        let answer = told(&story.ask_as("p.shop").await);
        assert_eq!(
            (&answer["sql"], story.dry_runs()),
            (&Value::Null, 0),
            "{sql}: {answer}"
        );
    }
}

#[tokio::test]
async fn sql_that_cannot_be_read_and_calls_a_function_of_a_user_is_refused() {
    let story = Story::with([query(UNREADABLE), query(UNREADABLE)]).await;
    let reads = &["p.shop.orders"];
    story.bigquery.plan_as(UNREADABLE, "SELECT", reads);
    story.bigquery.call_routine(UNREADABLE, "p.hr.remote");
    let answer = told(&story.ask_as("p.shop").await);
    assert_eq!(
        (&answer["sql"], story.dry_runs()),
        (&Value::Null, 2),
        "{answer}"
    );
}
