//! Scopes of admins, where names hold dots: a dataset whose own name is `my.schema` beside a dataset
//! `my` with a table `schema.plain`.

use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use kit::TestApp;
use platform::Env;
use schema::Dialect;
use schema::document::{self, Column, Problem, SourceKind, Table, TableKind};
use schema::name::TableName;
use schema_sync::sync::Sync;
use serde_json::{Value, json};
use warehouse::{Observer, Plan, Reading, Source, SourceError, Unread};

/// A warehouse of these tables, of which the dataset may be unreadable.
#[derive(Default)]
struct Dotted {
    columns: Mutex<Vec<&'static str>>,
    lost: Mutex<Option<&'static str>>,
}

fn plain() -> TableName {
    TableName::new("shop", "my.schema", "plain")
}

fn other() -> TableName {
    TableName::new("shop", "my", "schema.plain")
}

#[async_trait]
impl Source for Dotted {
    fn describe(&self) -> document::Source {
        document::Source {
            kind: SourceKind::Postgres,
            dialect: Dialect::Postgres,
            datasets: Vec::new(),
            extensions: None,
        }
    }

    async fn probe(&self) -> Result<(), SourceError> {
        Ok(())
    }

    async fn read(&self, _: &[Table], _: &dyn Observer) -> Result<Reading, SourceError> {
        let mut reading = Reading::default();
        let lost = *self.lost.lock().unwrap();
        for name in [plain(), other(), TableName::new("shop", "my", "schema")] {
            if lost == Some(name.dataset.as_str()) {
                let dataset = name.dataset_id().to_owned();
                let problem = Problem::of_dataset(dataset.as_str(), "it may not be read");
                if !reading.problems.contains(&problem) {
                    reading.problems.push(problem);
                    reading.unread.push(Unread::Dataset(dataset));
                }
                continue;
            }
            let mut table = Table::new(name, TableKind::Table);
            let columns = self.columns.lock().unwrap();
            table.columns = columns.iter().map(|it| Column::leaf(*it, "text")).collect();
            reading.tables.push(table);
        }
        Ok(reading)
    }

    async fn plan(&self, _: &str, _: &dyn Observer) -> Result<Plan, SourceError> {
        Ok(Plan::unplanned())
    }
}

async fn with_admins(source: &Arc<Dotted>) -> TestApp {
    let hash = |token: &str| {
        use sha2::Digest as _;
        hex::encode(sha2::Sha256::digest(token))
    };
    let token = |name: &str, dataset: &str| {
        json!({
            "name": name, "role": "admin", "sha256": hash(name),
            "scope": {"datasets": [dataset], "robeings": [], "sessions": []},
        })
    };
    let tokens = [
        token("all", "*"),
        token("dotted", "shop.my.schema"),
        token("my", "shop.my"),
    ];
    let env = Env::default().with("BUCKET_URL", "memory:///");
    let sync = Sync {
        store: platform::Resources::new(env).store().unwrap(),
        writers: schema_sync::sync::Writers::default(),
        source: source.clone(),
        llm: None,
        settings: schema_sync::enrich::Settings::read(&Env::default()).unwrap(),
    };
    TestApp::with_env(Env::default().with("AUTH_TOKENS", json!(tokens).to_string()))
        .start(|_| Ok(schema_sync::api::router(sync)))
        .await
}

#[tokio::test]
async fn admins_of_datasets_with_the_same_joined_name_see_only_their_own() {
    let source = Arc::new(Dotted::default());
    *source.columns.lock().unwrap() = vec!["a"];
    let app = with_admins(&source).await;
    let told = |answer: &Value, list: &str, field: &str| -> Vec<String> {
        let items = answer[list].as_array().into_iter().flatten();
        let items = items.map(|it| it[field].as_str().unwrap().to_owned());
        items.collect()
    };
    for (token, changed) in [
        ("dotted", vec![plain().to_string()]),
        ("my", vec!["shop.my.schema".to_owned(), other().to_string()]),
    ] {
        let columns: Vec<&str> = match source.columns.lock().unwrap().len() {
            1 => vec!["a", "b"],
            _ => vec!["a"],
        };
        *source.columns.lock().unwrap() = columns;
        let answer = app
            .post("/v1/schema/sync", json!({}))
            .bearer(token)
            .await
            .json();
        let mut tables = told(&answer, "changes", "table");
        tables.sort_unstable();
        let mut changed = changed;
        changed.sort_unstable();
        assert_eq!(tables, changed, "{token}: {answer}");
    }

    for (lost, told_of, silent) in [("my.schema", "dotted", "my"), ("my", "my", "dotted")] {
        *source.lost.lock().unwrap() = Some(lost);
        for (token, problems) in [(told_of, 1), (silent, 0), ("all", 1)] {
            let answer = app
                .post("/v1/schema/sync", json!({}))
                .bearer(token)
                .await
                .json();
            let subjects = told(&answer, "problems", "subject");
            assert_eq!(subjects.len(), problems, "{lost} for {token}: {answer}");
            let tables = match token {
                "all" => 3,
                "my" => 2,
                _ => 1,
            };
            assert_eq!(
                answer["tables_count"], tables,
                "what is unread stays as it was"
            );
        }
    }
}

#[tokio::test]
async fn an_admin_adds_examples_of_their_dataset_with_any_spelling_of_its_name() {
    let source = Arc::new(Dotted::default());
    *source.columns.lock().unwrap() = vec!["a"];
    let app = with_admins(&source).await;
    app.post("/v1/schema/sync", json!({})).bearer("all").await;
    for (sql, owner, stranger) in [
        (r#"select a from "my.schema".plain"#, "dotted", "my"),
        (r#"select a from my."schema.plain""#, "my", "dotted"),
    ] {
        let body = json!({"question": "Which rows?", "sql": sql});
        let add = |token: &'static str| app.post("/v1/schema/examples", body.clone()).bearer(token);
        let refused = add(stranger).await;
        assert_eq!(refused.status, 422, "{sql}: {}", refused.text());
        assert_eq!(add(owner).await.status, 201, "{sql}");
        assert_eq!(
            add(stranger).await.status,
            422,
            "that it is there does not show"
        );
    }
}
