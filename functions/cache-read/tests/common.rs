//! A store that can fail in several ways, and documents for it.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use bytes::Bytes;
use cache_read::{Settings, SqlSetup, TemporaryCopy};
use jiff::Timestamp;
use kit::{Reply, TestApp};
use platform::auth::{Names, Scope};
use platform::store::{ETag, Object, Put, Result, Store, StoreError};
use platform::{Caller, Clock, Env, Resources};
use schema::Dialect;
use schema::document::{
    Column, Document, Dropped, Example, FORMAT, ForeignKey, Ledger, Mode, Origin, Partitioning,
    Problem, Shards, Source, SourceKind, Table, TableKind,
};
use schema::name::DATASETS;
use schema::name::TableName;
use schema::versions::{HEAD, content_hash, load_head, publish, record};
use tokio::sync::Semaphore;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Well,
    Down,
    Denying,
    /// Never responds.
    Hanging,
    /// Responds only to holders of a permit from [`Moody::let_through`].
    Waiting,
}

/// A store in memory that can fail, and counts requests for the head.
pub struct Moody {
    memory: Arc<dyn Store>,
    mood: Mutex<Mood>,
    /// Keys that always fail.
    faulty: Mutex<HashSet<String>>,
    /// What another caller stores right after the next object is deleted.
    after_delete: Mutex<Option<Bytes>>,
    /// Keys that never respond.
    hanging: Mutex<HashSet<String>>,
    reads: AtomicUsize,
    heads: AtomicUsize,
    templates: AtomicUsize,
    permits: Semaphore,
}

impl Moody {
    pub fn new() -> Arc<Self> {
        let env = Env::default().with("BUCKET_URL", "memory:///");
        Arc::new(Self {
            memory: Resources::new(env).store().expect("a store in memory"),
            mood: Mutex::new(Mood::Well),
            faulty: Mutex::default(),
            after_delete: Mutex::default(),
            hanging: Mutex::default(),
            reads: AtomicUsize::new(0),
            heads: AtomicUsize::new(0),
            templates: AtomicUsize::new(0),
            permits: Semaphore::new(0),
        })
    }

    pub fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// Fails at this key, until [`Moody::mend`].
    pub fn fail_at(&self, key: impl Into<String>) {
        self.faulty.lock().unwrap().insert(key.into());
    }

    /// Never responds at this key.
    pub fn hang_at(&self, key: impl Into<String>) {
        self.hanging.lock().unwrap().insert(key.into());
    }

    /// Another caller stores this right after the next object is deleted.
    pub fn store_after_delete(&self, body: impl Into<Bytes>) {
        *self.after_delete.lock().unwrap() = Some(body.into());
    }

    pub fn mend(&self) {
        self.faulty.lock().unwrap().clear();
    }

    pub fn let_through(&self, readers: usize) {
        self.permits.add_permits(readers);
    }

    /// The number of all requests.
    pub fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    /// The number of requests for the head.
    pub fn heads(&self) -> usize {
        self.heads.load(Ordering::SeqCst)
    }

    /// The number of requests for a template.
    pub fn templates(&self) -> usize {
        self.templates.load(Ordering::SeqCst)
    }

    /// Publishes the document like a sync.
    pub async fn sync(&self, document: &Document) {
        let head = load_head(&*self.memory).await.unwrap();
        publish(&*self.memory, document, head.replace())
            .await
            .unwrap();
        record(&*self.memory, None, document).await.unwrap();
    }

    /// Stores a template.
    pub async fn put_template(&self, name: &str, json: impl Into<Bytes>) {
        let key = format!("prompts/{name}.json");
        self.memory
            .put(&key, json.into(), Put::Always)
            .await
            .unwrap();
    }

    pub async fn put_head(&self, bytes: impl Into<Bytes>) {
        self.memory
            .put(HEAD, bytes.into(), Put::Always)
            .await
            .unwrap();
    }

    pub async fn head(&self) -> Bytes {
        self.memory.get(HEAD).await.unwrap().body
    }

    pub async fn delete_head(&self) {
        self.delete_object(HEAD).await;
    }

    pub async fn delete_object(&self, key: &str) {
        self.memory.delete(key).await.unwrap();
    }

    pub async fn put_object(&self, key: &str, bytes: impl Into<Bytes>) {
        let put = self.memory.put(key, bytes.into(), Put::Always);
        put.await.unwrap();
    }
}

#[async_trait]
impl Store for Moody {
    async fn get_if_changed(&self, key: &str, known: Option<&ETag>) -> Result<Option<Object>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if key == HEAD {
            self.heads.fetch_add(1, Ordering::SeqCst);
        }
        if key.starts_with("prompts/") {
            self.templates.fetch_add(1, Ordering::SeqCst);
        }
        let faulty = self.faulty.lock().unwrap().contains(key);
        let hanging = self.hanging.lock().unwrap().contains(key);
        let mood = if hanging {
            Mood::Hanging
        } else if faulty {
            Mood::Down
        } else {
            *self.mood.lock().unwrap()
        };
        let (key_of_error, source) = (key.to_owned(), anyhow::anyhow!("as the test wants it"));
        match mood {
            Mood::Well => {}
            Mood::Hanging => std::future::pending().await,
            Mood::Waiting => self.permits.acquire().await.unwrap().forget(),
            Mood::Down => {
                return Err(StoreError::Unavailable {
                    key: key_of_error,
                    source,
                });
            }
            Mood::Denying => {
                return Err(StoreError::Denied {
                    key: key_of_error,
                    source,
                });
            }
        }
        self.memory.get_if_changed(key, known).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.memory.get_range(key, range).await
    }

    async fn put(&self, key: &str, body: Bytes, condition: Put) -> Result<ETag> {
        self.memory.put(key, body, condition).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.memory.list(prefix).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.memory.delete(key).await?;
        let next = self.after_delete.lock().unwrap().take();
        if let Some(body) = next {
            self.memory.put(key, body, Put::Always).await?;
        }
        Ok(())
    }
}

/// The app on `store`, with copies fresh for 60 s and without a temporary folder.
pub async fn start(store: &Arc<Moody>) -> TestApp {
    start_with(store, settings()).await
}

/// Settings with copies fresh for 60 s and without a temporary folder.
pub fn settings() -> Settings {
    Settings {
        fresh_for: Duration::from_secs(60),
        temporary: None,
        warehouse: None,
        clock: Clock::default(),
    }
}

/// The same with a temporary copy in `folder`, for the deployment on `bucket`.
pub async fn start_in(store: &Arc<Moody>, folder: &std::path::Path, bucket: &str) -> TestApp {
    let env = Env::default()
        .with("TMPDIR", folder.to_str().unwrap())
        .with("BUCKET_URL", bucket);
    let temporary = TemporaryCopy::new(&env);
    start_with(
        store,
        Settings {
            temporary,
            ..settings()
        },
    )
    .await
}

pub async fn start_with(store: &Arc<Moody>, settings: Settings) -> TestApp {
    let store = Arc::clone(store);
    let app = |_: &Resources| {
        Ok(cache_read::router(store, settings, SqlSetup::default()).layer(from_fn(in_scope)))
    };
    TestApp::without_database(app).await
}

/// The app with a setup for prompts and SQL, copies fresh for 60 s and without a temporary folder.
pub async fn start_sql(store: &Arc<Moody>, sql: SqlSetup) -> TestApp {
    let store = Arc::clone(store);
    let app =
        |_: &Resources| Ok(cache_read::router(store, settings(), sql).layer(from_fn(in_scope)));
    TestApp::without_database(app).await
}

/// A caller who sees the datasets in the header `test-datasets`, or all without the header.
async fn in_scope(mut request: Request, next: Next) -> axum::response::Response {
    if let Some(datasets) = request.headers().get("test-datasets") {
        let datasets = datasets.to_str().unwrap();
        let names = datasets.split(',').filter(|name| !name.is_empty());
        let mut caller = request.extensions().get::<Caller>().unwrap().clone();
        caller.scope = Arc::new(Scope::clone(&caller.scope).with(DATASETS, Names::only(names)));
        request.extensions_mut().insert(caller);
    }
    next.run(request).await
}

pub fn level(reply: &Reply) -> &str {
    reply
        .header("metasync-cache")
        .expect("every answer tells its level")
}

/// The version of the document in the reply.
pub fn version(reply: &Reply) -> String {
    reply.json()["version"]
        .as_str()
        .expect("a version")
        .to_owned()
}

/// Splits a plain joined name.
pub fn name(joined: &str) -> TableName {
    TableName::of_unquoted(joined, Dialect::Bigquery).expect("three parts")
}

pub fn table(name: &str, columns: &[&str]) -> Table {
    Table {
        columns: columns
            .iter()
            .map(|name| Column::leaf(*name, "STRING"))
            .collect(),
        ..Table::new(self::name(name), TableKind::Table)
    }
}

pub fn example(tables: &[&str]) -> Example {
    Example {
        id: None,
        question: format!("how many rows have {}?", tables.join(" and ")),
        sql: format!("SELECT COUNT(*) FROM `{}`", tables.join("`, `")),
        tables: tables.iter().map(|&name| name.to_owned()).collect(),
        origin: Origin::Rule,
        verified: None,
        error: None,
    }
}

pub fn document(tables: Vec<Table>) -> Document {
    let mut datasets: Vec<String> = tables
        .iter()
        .map(|table| table.dataset().to_owned())
        .collect();
    datasets.dedup();
    sealed(Document {
        format: FORMAT,
        version: String::new(),
        generated_at: Timestamp::from_second(1_790_000_000).unwrap(),
        source: Source {
            kind: SourceKind::Bigquery,
            dialect: Dialect::Bigquery,
            datasets,
            extensions: None,
        },
        tables,
        examples: Vec::new(),
        quarantined: Vec::new(),
        meaning: schema::document::Meaning::default(),
        ledger: Ledger::default(),
    })
}

/// The document with the version of its content.
pub fn sealed(mut document: Document) -> Document {
    document.version = content_hash(&document);
    document
}

/// One table with `columns`.
pub fn with_columns(columns: &[&str]) -> Document {
    document(vec![table("p.d.t", columns)])
}

/// The app with a store whose current document is `document`.
pub async fn serving(document: &Document) -> (TestApp, Arc<Moody>) {
    let store = Moody::new();
    store.sync(document).await;
    (start(&store).await, store)
}

/// Three datasets that use every feature of the document.
pub fn shop() -> Document {
    let mut events = table("p.web.events_*", &["event_date"]);
    events.description = Some("One row an event".into());
    events.shards = Some(Shards {
        count: 2,
        first: "20210101".into(),
        last: "20210102".into(),
        ..Shards::default()
    });
    let mut params = Column::leaf("event_params", "STRUCT");
    params.mode = Mode::Repeated;
    params.fields = vec![Column::leaf("key", "STRING")];
    events.columns.push(params);
    let mut orders = table("p.shop.orders", &["id", "customer_id"]);
    orders.rows = Some(1_200);
    orders.partitioning = Some(Partitioning {
        column: "day".into(),
        unit: "DAY".into(),
    });
    orders.require_partition_filter = true;
    let references =
        |table: &str| ForeignKey::new(vec!["customer_id".into()], name(table), vec!["id".into()]);
    orders.foreign_keys = vec![references("p.shop.customers"), references("p.hr.people")];
    let mut shop = document(vec![
        table("p.hr.people", &["id", "salary"]),
        table("p.shop.customers", &["id"]),
        orders,
        events,
        table("p.web.orders", &["id"]),
    ]);
    shop.examples = vec![
        example(&["p.shop.orders"]),
        example(&["p.shop.orders", "p.hr.people"]),
        example(&[]),
    ];
    shop.quarantined = vec![example(&["p.hr.people"]), example(&["p.web.events_*"])];
    shop.ledger.requests = 9;
    shop.ledger.dropped = vec![
        Dropped {
            dataset: Some("p.hr".into()),
            table: Some("p.hr.people".into()),
            path: Some("salary".into()),
            text: "what people.salary is".into(),
            reason: "no such column".into(),
        },
        Dropped {
            dataset: None,
            table: None,
            path: None,
            text: "p.hr.people".into(),
            reason: "none".into(),
        },
    ];
    shop.ledger.problems = vec![
        Problem::of_dataset("p.hr", "denied"),
        Problem::of_table(&name("p.hr.people"), "denied"),
        Problem::of_dataset("p.shop", "slow"),
        Problem::general("llm", "no answer for p.hr.people"),
    ];
    sealed(shop)
}

/// Two datasets, `p.shop` and `p.hr`, with one example each.
pub fn orders() -> Document {
    let mut orders = table("p.shop.orders", &["id", "customer_id", "total"]);
    orders.columns[2].description = Some("what was paid, in euros".into());
    let mut orders = document(vec![
        table("p.hr.people", &["id", "salary"]),
        table("p.shop.customers", &["id", "name"]),
        orders,
    ]);
    let example = |question: &str, sql: &str, table: &str| Example {
        question: question.to_owned(),
        sql: sql.to_owned(),
        ..example(&[table])
    };
    orders.examples = vec![
        example(
            "How many orders are there?",
            "select count(*) from `p.shop.orders`",
            "p.shop.orders",
        ),
        example(
            "What is the highest salary of people?",
            "select max(salary) from `p.hr.people`",
            "p.hr.people",
        ),
    ];
    sealed(orders)
}

/// The names of the tables on a page.
pub fn names(page: &Reply) -> Vec<String> {
    let items = page.json();
    let items = items["items"].as_array().expect("items").iter();
    items
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}
