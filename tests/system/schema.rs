//! From the schema of a warehouse to the responses to readers, on `metasync`, without a cloud account.

use std::path::Path;

use kit::TestApp;
use kit::llm::{EnrichPrompt, LlmStub};
use serde_json::{Value, json};
use tempfile::TempDir;

/// `metasync` on the sample warehouse, in temporary folders.
struct Story {
    app: TestApp,
    folder: TempDir,
}

impl Story {
    async fn begin() -> Self {
        Self::with(platform::Env::default()).await
    }

    async fn with(env: platform::Env) -> Self {
        Self::start("schema-sync", env).await
    }

    /// `name` is the function whose triggers Lambda invokes.
    async fn start(name: &'static str, env: platform::Env) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (warehouse, bucket) = (
            folder.path().join("warehouse"),
            folder.path().join("bucket"),
        );
        std::fs::create_dir(&warehouse).unwrap();
        std::fs::create_dir(&bucket).unwrap();
        metasync::sample::write(&warehouse).unwrap();
        let app = TestApp::with_env(env)
            .set("WAREHOUSE_URL", format!("file://{}", warehouse.display()))
            .set("BUCKET_URL", format!("file://{}", bucket.display()))
            .set("TMPDIR", folder.path().display().to_string())
            .set("CACHE_FRESH_SECONDS", "0")
            .named(name)
            .start(metasync::app)
            .await;
        Self { app, folder }
    }

    async fn sync(&self) -> Value {
        let reply = self.app.post("/events/schema-sync", json!({})).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    async fn table(&self) -> Value {
        self.app.get("/v1/schema/tables/events_*").await.json()
    }
}

fn event(case: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../events/schema-sync")
        .join(case);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[tokio::test]
async fn on_lambda_the_input_of_a_schedule_names_the_function_to_run() {
    let story = Story::start("metasync", platform::Env::default()).await;
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/metasync/eventbridge-scheduler.json");
    let event: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();

    let answer = story.app.invoke(&event).await.unwrap();
    let answer: Value = serde_json::from_str(answer.get()).unwrap();
    assert_eq!(answer["updated"], true);

    for event in [
        json!({"function": "stranger"}),
        json!({"function": "../v1/schema/sync"}),
        json!({"function": "metasync"}),
        json!({}),
    ] {
        let failure = story.app.invoke(&event).await.unwrap_err();
        assert!(failure.error_message.contains("schema-sync"), "{failure:?}");
    }
}

async fn one_binary() -> TestApp {
    TestApp::with_env(platform::Env::default())
        .set("WAREHOUSE_URL", "file:///")
        .set("MASKING_KEY", "0".repeat(64))
        .set("PRIVACY_KEY", "0".repeat(64))
        .named("metasync")
        .on_a_database()
        .await
        .start(metasync::app)
        .await
}

#[tokio::test]
async fn on_lambda_metasync_stores_a_batch_of_the_queue_and_rolls_up() {
    let app = one_binary().await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/message-log/sqs.json");
    let batch: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();

    let report = app.invoke(&batch).await.unwrap();
    let report: Value = serde_json::from_str(report.get()).unwrap();
    let failed = json!([{"itemIdentifier": "2e1424d4-f796-459a-8184-9c92662be6da"}]);
    assert_eq!(report["batchItemFailures"], failed);

    let rolled = app
        .invoke(&json!({"function": "message-log"}))
        .await
        .unwrap();
    let rolled: Value = serde_json::from_str(rolled.get()).unwrap();
    assert!(
        rolled.is_object() && rolled.get("title").is_none(),
        "{rolled}"
    );
    let said = app.get("/v1/robeings/sales/messages").await.json();
    assert_eq!(said["items"].as_array().unwrap().len(), 1, "{said}");
    assert_eq!(said["items"][0]["response"], "사흘 안에 됩니다.");
}

#[tokio::test]
async fn metasync_handles_every_delivery_like_message_log() {
    let app = one_binary().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/message-log");
    for name in [
        "pubsub-push.json",
        "cloudevents.json",
        "cloudevents-batch.json",
        "eventbridge.json",
        "sns-notification.json",
        "kafka.json",
        "message.json",
    ] {
        let event: Value =
            serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        let from_metasync = app.post("/events/metasync", &event).await;
        assert_eq!(from_metasync.status, 200, "{name}: {from_metasync:?}");
        // The same delivery again.
        let from_message_log = app.post("/events/message-log", &event).await;
        assert_eq!(from_message_log.body, from_metasync.body, "{name}");
    }
    for unknown in [
        json!({"anything": "else"}),
        json!([]),
        json!({"function": 5}),
    ] {
        let refused = app.post("/events/metasync", &unknown).await;
        assert_eq!(refused.status, 400, "{unknown}: {refused:?}");
    }
}

const CASES: [&str; 3] = [
    "by-hand.json",
    "cloud-scheduler.json",
    "eventbridge-scheduler.json",
];

#[tokio::test]
async fn the_ga4_export_is_read_with_its_23_columns_and_108_paths() {
    let story = Story::begin().await;
    story.sync().await;

    let table = story.table().await;

    fn paths(columns: &Value) -> usize {
        let columns = columns.as_array().map(Vec::as_slice).unwrap_or_default();
        columns
            .iter()
            .map(|column| 1 + paths(&column["fields"]))
            .sum()
    }
    assert_eq!(table["columns"].as_array().unwrap().len(), 23);
    assert_eq!(paths(&table["columns"]), 108);
    assert_eq!(table["shards"]["count"], 92);
    assert_eq!(table["shards"]["versions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_llm_adds_descriptions_and_five_examples_and_invented_names_are_dropped() {
    const TABLE: &str = "`bigquery-public-data.ga4_obfuscated_sample_ecommerce.events_*`";
    let examples: Vec<(String, String)> = [
        "event_name",
        "platform",
        "user_pseudo_id",
        "stream_id",
        "is_active_user",
        "event_date",
    ]
    .iter()
    .map(|column| {
        let sql = format!("SELECT {column}, COUNT(*) AS n FROM {TABLE} GROUP BY {column}");
        (format!("How many events by {column}?"), sql)
    })
    .collect();
    let stub = LlmStub::start(move |asked| {
        let pairs: Vec<(&str, &str)> = examples
            .iter()
            .map(|(question, sql)| (question.as_str(), sql.as_str()))
            .collect();
        EnrichPrompt::parse(asked).answer(|_, path| describe(path), &pairs)
    })
    .await;
    let story = Story::with(stub.env("gpt-test")).await;

    let answer = story.sync().await;

    assert_eq!(answer["examples_count"], 5);
    let document: Value = story.app.get("/v1/schema").await.json();
    let of_llm = document["examples"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["origin"] == "llm");
    assert_eq!(of_llm.count(), 5);
    let text = story
        .app
        .get("/v1/schema/tables/events_*?format=text")
        .await;
    assert!(
        text.text().contains("the value of event_name"),
        "{}",
        text.text()
    );
    assert!(!document["tables"].to_string().contains("batch_event_index"));
    let dropped = document["ledger"]["dropped"].to_string();
    assert!(dropped.contains("batch_event_index") && dropped.contains("is_active_user"));

    let calls = stub.requests().len();
    assert_eq!(story.sync().await["updated"], false);
    assert_eq!(
        stub.requests().len(),
        calls,
        "an unchanged warehouse needs no LLM call"
    );
}

/// The description of a path. For one column it names a field that the table doesn't have.
fn describe(path: &str) -> String {
    match path {
        "" => "one row per event".to_owned(),
        "platform" => "where it ran, see `batch_event_index`".to_owned(),
        path => format!("the value of {path}"),
    }
}

#[tokio::test]
async fn the_bucket_has_one_plain_json_document() {
    let story = Story::begin().await;
    let answer = story.sync().await;
    let path = story
        .folder
        .path()
        .join("bucket/schema/metadata_cache.json");
    let document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    kit::document_schema::assert_valid(&document);
    assert_eq!(document["version"], answer["version"]);
    assert_eq!(document["tables"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_run_returns_exactly_these_fields() {
    let story = Story::begin().await;

    let answer = story.sync().await;

    let fields: Vec<&str> = answer
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut expected = [
        "status",
        "message",
        "updated",
        "columns_count",
        "examples_count",
        "execution_time",
        "version",
        "tables_count",
        "changes",
        "ledger",
    ];
    expected.sort_unstable();
    let mut fields = fields;
    fields.sort_unstable();
    assert_eq!(fields, expected);
    assert_eq!(answer["status"], "success");
    assert_eq!(answer["message"], "MetaSync completed successfully");
    assert_eq!(answer["updated"], true);
    assert_eq!(answer["columns_count"], 23);
    assert_eq!(answer["examples_count"], 5);
    assert!(answer["execution_time"].is_f64());
}

#[tokio::test]
async fn a_new_column_reaches_readers_without_manual_steps() {
    let story = Story::begin().await;
    let before = story.sync().await["version"].as_str().unwrap().to_owned();
    assert_eq!(story.table().await["columns"].as_array().unwrap().len(), 23);

    let newest = story.folder.path().join(
        "warehouse/bigquery-public-data.ga4_obfuscated_sample_ecommerce.events_20210131.json",
    );
    let mut schema: Value = serde_json::from_slice(&std::fs::read(&newest).unwrap()).unwrap();
    let column = json!({"name": "is_active_user", "type": "BOOLEAN", "mode": "NULLABLE"});
    schema.as_array_mut().unwrap().push(column);
    std::fs::write(&newest, schema.to_string()).unwrap();
    let answer = story.sync().await;

    assert_eq!(
        (&answer["updated"], &answer["columns_count"]),
        (&json!(true), &json!(24))
    );
    let changes: Value = story
        .app
        .get(&format!("/v1/schema/changes?since={before}"))
        .await
        .json();
    let kinds: Vec<_> = changes["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["kind"])
        .collect();
    assert_eq!(kinds, ["shards", "column_added"]);
    let table = story.table().await;
    assert_eq!(table["columns"][23]["type"], "BOOL");
    assert_eq!(table["shards"]["versions"][1]["first"], "20210131");
}

#[tokio::test]
async fn every_trigger_returns_the_same_on_lambda_and_over_http() {
    for case in CASES {
        let event = event(case);
        let [on_lambda, over_http] = [Story::begin().await, Story::begin().await];
        tokio::time::pause();
        let invoked = on_lambda.app.invoke(&event).await.unwrap();
        let answered = over_http.app.post("/events/schema-sync", &event).await;
        tokio::time::resume();

        assert_eq!(answered.status, 200, "{case}");
        assert_eq!(invoked.get(), answered.text(), "{case}");

        let by_hand = over_http.app.post("/v1/schema/sync", json!({})).await;
        assert_eq!(
            by_hand.json()["updated"],
            false,
            "a second run changes nothing"
        );
    }
}

#[test]
fn every_event_file_is_a_case() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/schema-sync");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort_unstable();
    assert_eq!(files, CASES);
}

#[tokio::test]
async fn the_merged_openapi_document_lists_every_route() {
    let story = Story::begin().await;
    let document: Value = story.app.get("/openapi.json").await.json();
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    for path in [
        "/v1/schema",
        "/v1/schema/tables",
        "/v1/schema/tables/{name}",
        "/v1/schema/changes",
        "/v1/schema/context",
        "/v1/schema/prompt",
        "/v1/schema/sql",
        "/v1/schema/sync",
        "/v1/schema/examples",
        "/v1/schema/examples/{id}",
        "/events/schema-sync",
    ] {
        assert!(paths.iter().any(|it| *it == path), "{path}");
    }
    assert_eq!(story.app.get("/docs/").await.status, 200);
}

#[tokio::test]
async fn a_sync_of_a_hidden_change_leaves_every_byte_of_a_scoped_view_and_its_tag() {
    let hash = |token: &str| {
        use sha2::Digest as _;
        hex(&sha2::Sha256::digest(token))
    };
    let token = |name: &str, role: &str, dataset: &str| json!({"name": name, "role": role, "scope": {"datasets": [dataset]}, "sha256": hash(name)});
    let tokens = json!([
        token("all", "admin", "*"),
        token("shop", "reader", "p.shop")
    ]);
    let folder = tempfile::tempdir().unwrap();
    let (warehouse, bucket) = (
        folder.path().join("warehouse"),
        folder.path().join("bucket"),
    );
    std::fs::create_dir(&warehouse).unwrap();
    std::fs::create_dir(&bucket).unwrap();
    let write = |table: &str, columns: &[&str]| {
        let columns: Vec<Value> = columns
            .iter()
            .map(|name| json!({"name": name, "type": "INT64"}))
            .collect();
        let file = warehouse.join(format!("{table}.json"));
        std::fs::write(file, json!(columns).to_string()).unwrap();
    };
    write("p.shop.orders", &["id", "total"]);
    write("p.hr.people", &["id"]);
    let app = TestApp::with_env(platform::Env::default())
        .set("AUTH_TOKENS", tokens.to_string())
        .set("WAREHOUSE_URL", format!("file://{}", warehouse.display()))
        .set("BUCKET_URL", format!("file://{}", bucket.display()))
        .set("TMPDIR", folder.path().display().to_string())
        .set("CACHE_FRESH_SECONDS", "0")
        .start(metasync::app)
        .await;
    let sync = async || {
        let reply = app.post("/v1/schema/sync", json!({})).bearer("all").await;
        assert_eq!(reply.json()["updated"], true, "{}", reply.text());
    };
    let see = async |token: &str| app.get("/v1/schema").bearer(token).await;

    sync().await;
    let (all, shop) = (see("all").await, see("shop").await);
    let examples = shop.json()["examples"].clone();
    assert_eq!(examples[0]["verified"]["how"], "parsed", "{examples}");
    write("p.hr.people", &["id", "salary"]);
    sync().await;
    let (all_after, shop_after) = (see("all").await, see("shop").await);
    assert_ne!(all_after.etag(), all.etag());
    assert_eq!(shop_after.text(), shop.text());
    assert_eq!(shop_after.etag(), shop.etag());

    write("p.shop.orders", &["id", "total", "day"]);
    sync().await;
    let shown = see("shop").await;
    assert_ne!(shown.etag(), shop.etag());
    assert_ne!(shown.json()["generated_at"], shop.json()["generated_at"]);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
