//! Planning queries.

use super::*;

#[tokio::test]
async fn a_plan_returns_bytes_and_columns_and_bills_nothing() {
    let stub = Stub::start().await;
    stub.plan_as("shop.t", "SELECT", &["p.shop.t"]);
    let usage = Usage::default();

    let plan = shop(&stub)
        .plan("select count(*) as n from shop.t", &usage)
        .await;

    let Plan::Accepted(planned) = plan.unwrap() else {
        panic!("a plan that was refused");
    };
    let verified = planned.verified;
    assert_eq!(planned.reads, [Read::from(crate::name("p.shop.t"))]);
    assert!(!planned.calls_routines);
    assert_eq!(verified.bytes_processed, Some(1 << 20));
    assert_eq!(verified.columns[0].data_type, "INT64");
    assert_eq!((usage.requests(), usage.bytes_billed()), (1, 0));
}

#[tokio::test]
async fn a_plan_tells_whether_the_query_calls_functions_of_users() {
    let stub = Stub::start().await;
    stub.plan_as("shop.t", "SELECT", &["p.shop.t"]);
    stub.call_routine("leak", "p.hr.leak");
    for (sql, expected) in [
        ("select id from shop.t", false),
        ("select leak(id) from shop.t", true),
    ] {
        let plan = shop(&stub).plan(sql, &Usage::default()).await.unwrap();
        let Plan::Accepted(Planned { calls_routines, .. }) = plan else {
            panic!("{sql}: {plan:?}");
        };
        assert_eq!(calls_routines, expected, "{sql}");
    }
}

#[tokio::test]
async fn a_rejected_query_has_the_message_of_bigquery() {
    let stub = Stub::start().await;
    stub.unknown_name("nme");
    stub.unknown_table("shop.gone");
    for (sql, word) in [
        ("select nme from shop.t", "Unrecognized name: nme"),
        ("select 1 from shop.gone", "Not found: Table"),
    ] {
        match shop(&stub).plan(sql, &Usage::default()).await.unwrap() {
            Plan::Rejected(words) => assert!(words.message.starts_with(word), "{words}"),
            Plan::Accepted(_) => panic!("{sql} was accepted"),
        }
    }
}

#[tokio::test]
async fn a_plan_without_permission_to_run_jobs_names_the_role() {
    let stub = Stub::start().await;
    stub.deny_jobs();

    let error = shop(&stub)
        .plan("select 1", &Usage::default())
        .await
        .unwrap_err();

    assert!(matches!(error, SourceError::Denied(_)));
    assert!(error.to_string().contains("roles/bigquery.jobUser"));
}

#[tokio::test]
async fn a_dry_run_is_sent_to_the_location_of_its_tables() {
    let stub = Stub::start().await;
    stub.table(SHOP, "t", id());
    stub.table("acme.web", "t", id());
    stub.locate(SHOP, "EU");
    let source = source(&stub, "shop,web", |_| {});
    for (sql, sent, looked_up) in [
        ("select id from `acme.shop.t`", 2, 1),
        ("select id from `acme.shop.t`", 1, 0),
        ("select id from `acme.web.t`", 2, 1),
        ("select id from `acme.web.t`", 1, 0),
        ("select id from `acme.shop.t`", 2, 0),
    ] {
        stub.reset_calls();

        let plan = source.plan(sql, &Usage::default()).await.unwrap();

        assert!(matches!(plan, Plan::Accepted(_)), "{sql}: {plan:?}");
        let calls = (stub.calls(Method::Insert), stub.calls(Method::Dataset));
        assert_eq!(calls, (sent, looked_up), "{sql}");
    }

    stub.reset_calls();
    let both = "select a.id from `acme.shop.t` as a, `acme.web.t` as b";
    let plan = source.plan(both, &Usage::default()).await.unwrap();
    assert!(matches!(plan, Plan::Rejected(_)), "{plan:?}");
    assert_eq!(stub.calls(Method::Insert), 3);
}

#[tokio::test]
async fn a_dry_run_uses_the_location_found_for_a_query() {
    let stub = Stub::start().await;
    stub.table(SHOP, "t", id());
    stub.locate(SHOP, "EU");
    let source = source(&stub, "shop", |s| s.query_above = 0);
    read(&source, &[]).await;

    let sql = "select id from `acme.shop.t`";
    let plan = source.plan(sql, &Usage::default()).await.unwrap();

    assert!(matches!(plan, Plan::Accepted(_)), "{plan:?}");
    assert_eq!(stub.calls(Method::Insert), 1);
}

#[tokio::test]
async fn an_invalid_request_is_not_the_fault_of_the_query() {
    let stub = Stub::start().await;
    for fault in [Fault::Error(400, "invalid"), Fault::Status(400)] {
        stub.fail(Method::Insert, 1, &fault);
        let plan = shop(&stub).plan("select 1", &Usage::default()).await;
        assert!(matches!(plan, Err(SourceError::Refused(_))), "{plan:?}");
    }
}

#[tokio::test]
async fn a_statement_other_than_a_select_is_rejected() {
    let stub = Stub::start().await;
    for kind in ["SCRIPT", "DELETE", "EXPORT_DATA", ""] {
        let sql = format!("select '{kind}'");
        stub.plan_as(&sql, kind, &[]);
        let plan = shop(&stub).plan(&sql, &Usage::default()).await.unwrap();
        assert!(matches!(plan, Plan::Rejected(_)), "{kind}: {plan:?}");
    }
}
