//! Planning queries.

use super::*;

#[tokio::test]
async fn a_plan_tells_bytes_and_columns_and_bills_nothing() {
    let stub = Stub::start().await;
    let run = Run::default();

    let plan = shop(&stub)
        .plan("select count(*) as n from shop.t", &run)
        .await;

    let Plan::Accepted(verified) = plan.unwrap() else {
        panic!("a plan that was refused");
    };
    assert_eq!(verified.bytes_processed, Some(1 << 20));
    assert_eq!(verified.columns[0].data_type, "INT64");
    assert_eq!((run.requests(), run.bytes_billed()), (1, 0));
}

#[tokio::test]
async fn a_query_that_bigquery_refuses_is_rejected_in_its_own_words() {
    let stub = Stub::start().await;
    stub.unknown_name("nme");
    stub.unknown_table("shop.gone");
    for (sql, word) in [
        ("select nme from shop.t", "Unrecognized name: nme"),
        ("select 1 from shop.gone", "Not found: Table"),
    ] {
        match shop(&stub).plan(sql, &Run::default()).await.unwrap() {
            Plan::Rejected(words) => assert!(words.starts_with(word), "{words}"),
            Plan::Accepted(_) => panic!("{sql} was accepted"),
        }
    }
}

#[tokio::test]
async fn a_plan_without_the_right_to_run_jobs_names_the_role() {
    let stub = Stub::start().await;
    stub.deny_jobs();

    let error = shop(&stub)
        .plan("select 1", &Run::default())
        .await
        .unwrap_err();

    assert!(matches!(error, SourceError::Denied(_)));
    assert!(error.to_string().contains("roles/bigquery.jobUser"));
}
