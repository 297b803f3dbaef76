//! What comes of each way in which a reading can fail.

use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_query_that_would_bill_too_much_is_replaced_by_gets() {
    let stub = Stub::start().await;
    rich(&stub);
    let source = source(&stub, "shop", |settings| {
        settings.query_above = 0;
        settings.max_bytes_billed = 1 << 20;
    });

    let (reading, usage) = read(&source, &[]).await;

    assert_eq!(reading.tables.len(), 6);
    assert_eq!(usage.bytes_billed(), 0);
    assert!(
        reading.problems[0]
            .detail
            .contains("BIGQUERY_MAX_BYTES_BILLED")
    );
}

#[tokio::test]
async fn a_dataset_that_refuses_the_query_is_read_by_gets_and_named() {
    let stub = Stub::start().await;
    rich(&stub);
    stub.fail(Method::Query, 1, &Fault::Error(403, "accessDenied"));

    let (reading, _) = read(&source(&stub, "shop", |s| s.query_above = 0), &[]).await;

    assert_eq!(reading.tables.len(), 6);
    assert_eq!(reading.problems[0].subject, SHOP);
    assert!(reading.unread.is_empty());
}

#[tokio::test]
async fn an_unreadable_dataset_is_a_problem_and_the_rest_is_read() {
    let stub = Stub::start().await;
    stub.table(SHOP, "t", id());
    stub.deny("acme.secret");

    let (reading, _) = read(&source(&stub, "secret,shop,gone", |_| {}), &[]).await;

    assert_eq!(names(&reading), ["acme.shop.t"]);
    let problems: Vec<_> = reading
        .problems
        .iter()
        .map(|problem| problem.subject.as_str())
        .collect();
    assert_eq!(problems, ["acme.secret", "acme.gone"]);
    let secret = Unread::Dataset("acme.secret".to_owned());
    assert_eq!(reading.unread, [secret], "what is gone is not kept");
    assert!(
        reading.problems[0]
            .detail
            .contains("roles/bigquery.metadataViewer")
    );
}

#[tokio::test]
async fn a_warehouse_without_anything_readable_is_an_error() {
    let stub = Stub::start().await;
    stub.deny("acme.secret");

    let error = source(&stub, "secret", |_| {})
        .read(&[], &Usage::default())
        .await
        .unwrap_err();

    assert!(matches!(error, SourceError::Denied(_)), "{error}");
}

#[tokio::test]
async fn an_empty_dataset_is_read_without_permission_to_query() {
    let stub = Stub::start().await;
    stub.dataset(SHOP);
    stub.deny_jobs();
    let known = [Table::new(["acme", "shop", "dropped"], TableKind::Table)];

    let (reading, _) = read(&shop(&stub), &known).await;

    assert!(reading.tables.is_empty() && reading.unread.is_empty());
}

#[tokio::test]
async fn one_unreadable_table_is_a_problem_and_the_rest_is_read() {
    let stub = Stub::start().await;
    for name in ["a", "b", "c"] {
        stub.table(SHOP, name, id());
    }
    stub.fail(Method::Get, 6, &Fault::Error(500, "backendError"));

    let one_by_one = source(&stub, "shop", |settings| settings.parallelism = 1);
    let (reading, usage) = read(&one_by_one, &[]).await;

    assert_eq!(reading.tables.len(), 2);
    assert_eq!(reading.problems.len(), 1);
    assert!(reading.problems[0].detail.contains("backendError"));
    assert_eq!(
        usage.requests(),
        1 + 6 + 2,
        "six attempts of the broken one"
    );
}

#[tokio::test]
async fn a_table_dropped_during_the_reading_is_not_a_problem() {
    let stub = Stub::start().await;
    stub.table(SHOP, "a", id());
    stub.table(SHOP, "b", id());
    stub.fail(Method::Get, 1, &Fault::Error(404, "notFound"));

    let (reading, _) = read(&shop(&stub), &[]).await;

    assert_eq!(reading.tables.len(), 1);
    assert!(reading.problems.is_empty());
}

#[tokio::test]
async fn a_family_whose_newest_shard_is_dropped_during_the_reading_is_unread_not_dropped() {
    let stub = Stub::start().await;
    shards(&stub, "events_", 3, |_| id());
    stub.table(SHOP, "t", id());
    stub.fail(Method::Get, 1, &Fault::Error(404, "notFound"));

    let one_by_one = source(&stub, "shop", |settings| settings.parallelism = 1);
    let (reading, _) = read(&one_by_one, &[]).await;

    assert_eq!(reading.problems[0].subject, "acme.shop.events_*");
    let events = Unread::Table("acme.shop.events_*".to_owned());
    assert_eq!(reading.unread, [events]);
}

#[tokio::test]
async fn transient_failures_are_retried_and_each_attempt_is_counted() {
    for fault in [
        Fault::Error(403, "rateLimitExceeded"),
        Fault::Error(429, "rateLimitExceeded"),
        Fault::Error(503, "backendError"),
        Fault::Error(500, "internalError"),
        Fault::Status(502),
        Fault::Disconnect,
        Fault::NoResponse,
    ] {
        let stub = Stub::start().await;
        stub.table(SHOP, "t", id());
        stub.fail(Method::List, 2, &fault);
        stub.fail(Method::Get, 1, &fault);
        let source = source(&stub, "shop", |settings| {
            settings.retries.timeout = match fault {
                Fault::NoResponse => Duration::from_millis(300),
                _ => Duration::from_secs(30),
            };
        });

        let (reading, usage) = read(&source, &[]).await;

        assert_eq!(names(&reading), ["acme.shop.t"], "{fault:?}");
        assert_eq!(usage.requests(), 5, "{fault:?}");
    }
}

#[tokio::test]
async fn an_error_of_a_connection_names_the_host_and_the_port() {
    let stub = Stub::start().await;
    stub.table(SHOP, "t", id());
    stub.fail(Method::List, 100, &Fault::Disconnect);
    let mut address = String::new();
    let source = source(&stub, "shop", |settings| {
        settings.retries.attempts = 1;
        settings.endpoint.authority().clone_into(&mut address);
    });
    let error = source.read(&[], &Usage::default()).await.unwrap_err();
    assert!(error.to_string().contains(&address), "{address}: {error}");
}

#[tokio::test]
async fn permanent_failures_are_not_retried() {
    for (status, reason) in [
        (403, "quotaExceeded"),
        (403, "accessDenied"),
        (404, "notFound"),
        (400, "invalid"),
    ] {
        let stub = Stub::start().await;
        stub.table(SHOP, "t", id());
        stub.fail(Method::List, 1, &Fault::Error(status, reason));

        let usage = Usage::default();
        shop(&stub).read(&[], &usage).await.unwrap_err();

        assert_eq!(usage.requests(), 1, "{reason}");
    }
}

#[tokio::test]
async fn no_call_is_retried_after_its_deadline() {
    let stub = Stub::start().await;
    stub.table(SHOP, "t", id());
    stub.fail(Method::List, 1, &Fault::Status(503));
    let source = source(&stub, "shop", |settings| {
        settings.retries.first_backoff = Duration::from_secs(30);
        settings.retries.deadline = Duration::from_secs(1);
    });

    let error = source.read(&[], &Usage::default()).await.unwrap_err();

    assert!(matches!(error, SourceError::Unavailable { .. }), "{error}");
    assert_eq!(stub.calls(Method::List), 1);
}

#[tokio::test]
async fn a_warehouse_that_stops_responding_is_given_up() {
    let stub = Stub::start().await;
    for at in 0..100 {
        stub.table(SHOP, &format!("t{at}"), id());
    }
    stub.fail(Method::Get, 10_000, &Fault::Status(503));
    let source = source(&stub, "shop", |settings| {
        settings.retries.attempts = 2;
        settings.parallelism = 2;
    });

    let error = source.read(&[], &Usage::default()).await.unwrap_err();

    assert!(matches!(error, SourceError::Unavailable { .. }), "{error}");
    assert!(stub.calls(Method::Get) <= 24, "{}", stub.calls(Method::Get));
}

#[tokio::test]
async fn a_job_that_fails_by_an_error_of_bigquery_is_run_again() {
    let stub = Stub::start().await;
    rich(&stub);
    stub.fail(Method::Query, 2, &Fault::Error(503, "jobBackendError"));

    let (reading, _) = read(&source(&stub, "shop", |s| s.query_above = 0), &[]).await;

    assert_eq!(reading.tables.len(), 6);
    assert_eq!(stub.calls(Method::Query), 3);
    assert!(reading.problems.is_empty());
}

#[tokio::test]
async fn a_listing_with_a_repeated_page_token_fails() {
    for tokens in [&["again"][..], &["there", "back"]] {
        let stub = Stub::start().await;
        stub.table(SHOP, "t", id());
        stub.table("acme.web", "t", id());
        let both = source(&stub, "shop,web", |_| {});
        let (first, _) = read(&both, &[]).await;

        stub.loop_pages(tokens);
        let usage = Usage::default();
        let listed = both.read(&first.tables, &usage);
        let listed = tokio::time::timeout(Duration::from_secs(20), listed).await;

        let error = listed.expect("it ends").expect_err("nothing is whole");
        assert!(matches!(error, SourceError::Refused(_)), "{error}");
    }
}

#[tokio::test]
async fn a_query_result_with_a_repeated_page_token_fails() {
    for tokens in [&["again"][..], &["there", "back"]] {
        let stub = Stub::start().await;
        stub.table(SHOP, "t", id());
        let source = source(&stub, "shop", |s| s.query_above = 0);
        let (first, _) = read(&source, &[]).await;
        stub.fail(Method::List, 1, &Fault::Error(403, "accessDenied"));
        stub.loop_pages(tokens);
        stub.reset_calls();

        let usage = Usage::default();
        let read = source.read(&first.tables, &usage);
        let read = tokio::time::timeout(Duration::from_secs(20), read).await;

        read.expect("it ends").expect_err("nothing could be listed");
        assert_eq!(stub.calls(Method::Results), tokens.len());
    }
}

#[tokio::test]
async fn if_nothing_can_be_read_the_error_names_the_reason_of_each_dataset() {
    let stub = Stub::start().await;
    stub.deny("acme.one");
    stub.deny("acme.two");
    let error = source(&stub, "one,two", |_| {})
        .read(&[], &Usage::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Dataset acme:one") && error.contains("Dataset acme:two"),
        "{error}"
    );
}

#[tokio::test]
async fn a_probe_lists_one_dataset_that_can_be_read_and_bills_nothing() {
    let stub = Stub::start().await;
    stub.table(SHOP, "t", id());
    stub.deny("acme.secret");

    let ready = source(&stub, "secret,shop", |_| {}).probe().await;
    ready.expect("one dataset can be read");
    let denied = source(&stub, "secret", |_| {}).probe().await;
    assert!(matches!(denied, Err(SourceError::Denied(_))), "{denied:?}");
}
