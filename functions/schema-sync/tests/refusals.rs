//! A sync of a BigQuery that refuses requests: its messages, and what to do.

use std::sync::Arc;

use kit::TestApp;
use kit::bigquery::BigQuery as Stub;
use platform::Env;
use schema::document::{Document, How};
use schema::versions::{self, Head};
use schema_sync::run::Run;
use schema_sync::sync::{Answer, Sync, Writers};

use crate::bigquery_shop::{SHOP, column, rich, shop};

fn sync(stub: &Stub) -> Sync {
    let env = Env::default().with("BUCKET_URL", "memory:///");
    Sync {
        store: platform::Resources::new(env).store().unwrap(),
        writers: Writers::default(),
        source: Arc::new(shop(stub)),
        llm: None,
        settings: schema_sync::enrich::Settings::read(&Env::default()).unwrap(),
    }
}

async fn run(sync: &Sync) -> (Answer, Document) {
    let answer = sync.run(&Run::default()).await.unwrap();
    let Head::Whole { document, .. } = versions::load_head(&*sync.store).await.unwrap() else {
        panic!("a head");
    };
    (answer, *document)
}

#[tokio::test]
async fn if_every_dry_run_is_refused_generated_examples_count_as_parsed_and_the_reason_is_reported()
{
    for (status, reason, message) in [
        (
            403,
            "accessDenied",
            "Access Denied: Project acme: Permission denied by a policy",
        ),
        (
            403,
            "quotaExceeded",
            "Quota exceeded: your project exceeded quota for dry runs",
        ),
        (
            403,
            "accessDenied",
            "VPC Service Controls: Request is prohibited by organization's policy",
        ),
        (
            400,
            "invalidQuery",
            "Dry runs are off for this project at [1:1]",
        ),
        (400, "invalid", "Invalid project configuration"),
        (400, "failedPrecondition", "Reservation is gone"),
    ] {
        let stub = Stub::start().await;
        rich(&stub);
        stub.refuse_plans(status, reason, message);
        let sync = sync(&stub);

        let (answer, document) = run(&sync).await;

        assert_ne!(
            answer.message, "MetaSync completed successfully",
            "{message}"
        );
        assert!(!document.examples.is_empty(), "{message}");
        for example in &document.examples {
            assert_eq!(
                example.verified.as_ref().unwrap().how,
                How::Parsed,
                "{message}"
            );
        }
        assert_eq!(answer.problems.len(), 1, "{:?}", answer.problems);
        assert!(
            answer.problems[0].detail.contains(message),
            "{:?}",
            answer.problems
        );
        assert_eq!(document.ledger.problems, answer.problems);
        let names_a_role = answer.problems[0].detail.contains("roles/");
        assert!(!names_a_role, "nobody knows of one: {:?}", answer.problems);
    }
}

#[tokio::test]
async fn a_dry_run_without_jobs_create_permission_names_the_role() {
    let stub = Stub::start().await;
    rich(&stub);
    let message = "Access Denied: Project acme: User does not have bigquery.jobs.create permission";
    stub.refuse_plans(403, "accessDenied", message);
    let (answer, _) = run(&sync(&stub)).await;
    let detail = &answer.problems[0].detail;
    assert!(
        detail.contains("grant roles/bigquery.jobUser on project acme"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_single_rejected_example_does_not_mean_that_the_warehouse_plans_nothing() {
    let stub = Stub::start().await;
    rich(&stub);
    let (_, before) = run(&sync(&stub)).await;
    stub.unknown_name("acme.shop.orders");

    let (answer, document) = run(&sync(&stub)).await;

    assert!(
        before
            .examples
            .iter()
            .any(|it| it.sql.contains("acme.shop.orders"))
    );
    assert!(
        document
            .examples
            .iter()
            .all(|it| !it.sql.contains("acme.shop.orders"))
    );
    for example in &document.examples {
        assert_eq!(example.verified.as_ref().unwrap().how, How::DryRun);
    }
    if document.examples.len() < before.examples.len() {
        assert!(
            answer.problems[0].detail.contains("Unrecognized name"),
            "{:?}",
            answer.problems
        );
    }
}

#[tokio::test]
async fn a_refused_query_for_changes_is_reported_with_an_alternative() {
    for (status, reason, message) in [
        (
            403,
            "accessDenied",
            "Access Denied: Dataset acme:shop: Permission bigquery.tables.list denied",
        ),
        (
            403,
            "accessDenied",
            "Access Denied: Project acme: User does not have bigquery.jobs.create permission",
        ),
        (
            403,
            "quotaExceeded",
            "Quota exceeded: 1 TB of queries a day",
        ),
        (
            400,
            "invalidQuery",
            "INFORMATION_SCHEMA is not available in this region",
        ),
    ] {
        let stub = Stub::start().await;
        rich(&stub);
        let sync = sync(&stub);
        run(&sync).await;
        stub.refuse_queries(status, reason, message);
        stub.add_column(SHOP, "orders", column("note", "STRING"));

        let (answer, document) = run(&sync).await;

        let detail = &answer.problems[0].detail;
        assert!(detail.contains(message), "{detail}");
        assert!(detail.contains("BIGQUERY_CHANGES=get"), "{detail}");
        let orders = document
            .tables
            .iter()
            .find(|it| it.name == "acme.shop.orders")
            .unwrap();
        assert!(
            orders.columns.iter().any(|it| it.name == "note"),
            "it was got instead"
        );
    }
}

#[tokio::test]
async fn a_warehouse_that_lets_nobody_in_is_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let none = format!("file://{}/none", folder.path().display());
    let place = format!("file://{}", folder.path().display());
    for (url, status) in [(none, "unavailable"), (place, "ok")] {
        let app = TestApp::with_env(Env::default())
            .set("WAREHOUSE_URL", url)
            .start(schema_sync::app)
            .await;
        let checks = app.get("/readyz").await.json()["checks"].clone();
        let checks = checks.as_array().unwrap();
        let check = checks.iter().find(|it| it["name"] == "warehouse");
        assert_eq!(check.expect("a check")["status"], status);
    }
}
