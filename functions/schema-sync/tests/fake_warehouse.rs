//! A warehouse that a test alters, and a store that breaks when a test says so.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use platform::store::{ETag, Object, Put, Result, Store, StoreError};
use schema::Dialect;
use schema::document::{
    self, Column, Definition, Extension, How, Partitioning, Problem, SourceKind, Table, TableKind,
    Verified,
};
use schema::read::Read;
use schema::sql_type::parse_column;
use warehouse::{Observer, Plan, Planned, Reading, Rejection, Source, SourceError, Unread};

#[derive(Default)]
pub struct Warehouse {
    tables: Mutex<BTreeMap<String, Vec<Column>>>,
    /// The queries of views.
    views: Mutex<BTreeMap<String, String>>,
    lost: Mutex<Vec<String>>,
    /// Texts of queries that are not planned, each with the message.
    rejected: Mutex<Vec<(String, String)>>,
    reads: Mutex<Vec<String>>,
    pub down: AtomicBool,
    /// It can be read, and plans nothing.
    pub plans_nothing: AtomicBool,
    pub plans: AtomicUsize,
    /// Planning a query of a table runs out of time.
    pub is_slow: AtomicBool,
    /// The message with which planning fails.
    pub failure: Mutex<Option<&'static str>>,
    pub extensions: Mutex<Option<Vec<Extension>>>,
    /// While a test holds it for writing, planning does not end.
    pub gate: tokio::sync::RwLock<()>,
    /// The columns by which tables are partitioned that require a filter.
    filters: Mutex<BTreeMap<String, String>>,
}

impl Warehouse {
    pub fn new() -> Self {
        Self::default()
    }

    /// Columns as `name TYPE, name TYPE`.
    pub fn table(self, name: &str, columns: &str) -> Self {
        self.set(name, columns);
        self
    }

    pub fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }

    pub fn set(&self, name: &str, columns: &str) {
        let row = parse_column("row", &format!("STRUCT<{columns}>")).unwrap();
        self.tables
            .lock()
            .unwrap()
            .insert(name.to_owned(), row.fields);
    }

    /// A view with these columns.
    pub fn set_view(&self, name: &str, columns: &str, sql: &str) {
        self.set(name, columns);
        let sql = sql.to_owned();
        self.views.lock().unwrap().insert(name.to_owned(), sql);
    }

    /// Each query of the table needs a filter on this column.
    pub fn require_filter(&self, table: &str, column: &str) {
        let filter = (table.to_owned(), column.to_owned());
        self.filters.lock().unwrap().extend([filter]);
    }

    pub fn drop_table(&self, name: &str) {
        self.tables.lock().unwrap().remove(name);
    }

    /// The dataset can't be read any more.
    pub fn lose(&self, dataset: &str) {
        self.lost.lock().unwrap().push(dataset.to_owned());
    }

    /// Every query that is planned reads this table as well.
    pub fn also_reads(&self, table: &str) {
        self.reads.lock().unwrap().push(table.to_owned());
    }

    /// No query that contains this text is planned.
    pub fn reject(&self, text: &str) {
        self.reject_with(text, "the warehouse does not plan it");
    }

    /// The same with a message.
    pub fn reject_with(&self, text: &str, message: &str) {
        let rejected = (text.to_owned(), message.to_owned());
        self.rejected.lock().unwrap().push(rejected);
    }
}

#[async_trait]
impl Source for Warehouse {
    fn describe(&self) -> document::Source {
        document::Source {
            kind: SourceKind::Bigquery,
            dialect: Dialect::Bigquery,
            datasets: Vec::new(),
            extensions: self.extensions.lock().unwrap().clone(),
        }
    }

    async fn probe(&self) -> std::result::Result<(), SourceError> {
        Ok(())
    }

    async fn read(
        &self,
        _: &[Table],
        _: &dyn Observer,
    ) -> std::result::Result<Reading, SourceError> {
        if self.down.load(Ordering::Relaxed) {
            let source = anyhow::anyhow!("connection refused");
            return Err(SourceError::Unavailable {
                detail: "the warehouse is down".into(),
                source,
            });
        }
        tokio::task::yield_now().await;
        let mut reading = Reading::default();
        let lost = self.lost.lock().unwrap();
        for dataset in &*lost {
            let detail = "it may not be read".to_owned();
            let problem = Problem::of_dataset(dataset.as_str(), detail);
            reading.problems.push(problem);
            reading.unread.push(Unread::Dataset(dataset.clone()));
        }
        for (name, columns) in &*self.tables.lock().unwrap() {
            let mut table = Table::new(crate::name(name), TableKind::Table);
            table.columns.clone_from(columns);
            if let Some(column) = self.filters.lock().unwrap().get(name) {
                table.require_partition_filter = true;
                table.partitioning = Some(Partitioning {
                    column: column.clone(),
                    unit: "DAY".to_owned(),
                });
            }
            if let Some(sql) = self.views.lock().unwrap().get(name) {
                table.kind = TableKind::View;
                table.definition = Definition::read(sql);
            }
            if !lost.iter().any(|dataset| dataset == table.dataset()) {
                reading.tables.push(table);
            }
        }
        Ok(reading)
    }

    async fn plan(&self, sql: &str, _: &dyn Observer) -> std::result::Result<Plan, SourceError> {
        self.plans.fetch_add(1, Ordering::Relaxed);
        drop(self.gate.read().await);
        let plans_nothing = self.plans_nothing.load(Ordering::Relaxed);
        let failure = plans_nothing.then_some("the warehouse plans nothing now");
        if let Some(detail) = failure.or(*self.failure.lock().unwrap()) {
            return Err(SourceError::Unavailable {
                detail: detail.into(),
                source: anyhow::anyhow!("503"),
            });
        }
        if self.is_slow.load(Ordering::Relaxed) && sql.to_lowercase().contains("from") {
            return Ok(Plan::Rejected(Rejection::timeout(
                "planning takes too long",
            )));
        }
        let lacks_filter = |(table, column): (&String, &String)| {
            let sql = sql.to_lowercase();
            let condition = sql
                .split_once("where")
                .map_or("", |(_, condition)| condition);
            sql.contains(&**table) && !condition.contains(&column.to_lowercase())
        };
        if self.filters.lock().unwrap().iter().any(lacks_filter) {
            let message = "Cannot query over a table without a filter over its partition column";
            return Ok(Plan::Rejected(Rejection::new(message, None, None)));
        }
        let rejected = self.rejected.lock().unwrap();
        if let Some((_, message)) = rejected.iter().find(|(text, _)| sql.contains(text)) {
            return Ok(Plan::Rejected(Rejection::new(message, None, None)));
        }
        drop(rejected);
        Ok(Plan::Accepted(Planned {
            verified: Verified {
                how: How::DryRun,
                at: jiff::Timestamp::now(),
                bytes_processed: Some(1_000),
                columns: Vec::new(),
            },
            reads: self
                .reads
                .lock()
                .unwrap()
                .iter()
                .map(|it| Read::from(crate::name(it)))
                .collect(),
            calls_routines: false,
        }))
    }
}

/// A store in which another writer comes first: before the head is written, once, `overtake` runs.
pub struct Overtaken {
    inner: Arc<dyn Store>,
    overtake: Mutex<Option<BoxFuture<'static, ()>>>,
    is_always: bool,
}

impl Overtaken {
    pub fn by(inner: Arc<dyn Store>, overtake: BoxFuture<'static, ()>) -> Self {
        Self {
            inner,
            overtake: Mutex::new(Some(overtake)),
            is_always: false,
        }
    }

    /// Another writer comes first every time.
    pub fn always(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            overtake: Mutex::default(),
            is_always: true,
        }
    }
}

#[async_trait]
impl Store for Overtaken {
    async fn get_if_changed(&self, key: &str, tag: Option<&ETag>) -> Result<Option<Object>> {
        self.inner.get_if_changed(key, tag).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.inner.get_range(key, range).await
    }

    async fn put(&self, key: &str, body: Bytes, condition: Put) -> Result<ETag> {
        if key == schema::versions::HEAD {
            let overtake = self.overtake.lock().unwrap().take();
            if let Some(overtake) = overtake {
                overtake.await;
            }
            if self.is_always {
                return Err(StoreError::Precondition(key.to_owned()));
            }
        }
        self.inner.put(key, body, condition).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.inner.list(prefix).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.inner.delete(key).await
    }
}

/// A store that simulates a killed process: after a number of writes, all further ones fail.
pub struct Breaking {
    inner: Arc<dyn Store>,
    left: AtomicUsize,
    /// Keys that start like this can't be read.
    unreadable: Option<&'static str>,
    /// Reading does not end.
    is_stalled: bool,
}

impl Breaking {
    pub fn after(inner: Arc<dyn Store>, writes: usize) -> Self {
        Self {
            inner,
            left: AtomicUsize::new(writes),
            unreadable: None,
            is_stalled: false,
        }
    }

    pub fn unreadable(inner: Arc<dyn Store>, prefix: &'static str) -> Self {
        Self {
            unreadable: Some(prefix),
            ..Self::after(inner, usize::MAX)
        }
    }

    pub fn stalled(inner: Arc<dyn Store>) -> Self {
        Self {
            is_stalled: true,
            ..Self::after(inner, usize::MAX)
        }
    }
}

fn unavailable(key: &str, why: &'static str) -> StoreError {
    StoreError::Unavailable {
        key: key.to_owned(),
        source: anyhow::anyhow!(why),
    }
}

#[async_trait]
impl Store for Breaking {
    async fn get_if_changed(&self, key: &str, tag: Option<&ETag>) -> Result<Option<Object>> {
        if self.is_stalled {
            std::future::pending::<()>().await;
        }
        if self
            .unreadable
            .is_some_and(|prefix| key.starts_with(prefix))
        {
            return Err(unavailable(key, "connection refused"));
        }
        self.inner.get_if_changed(key, tag).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes> {
        self.inner.get_range(key, range).await
    }

    async fn put(&self, key: &str, body: Bytes, condition: Put) -> Result<ETag> {
        let left = |left: usize| left.checked_sub(1);
        if self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
            .is_err()
        {
            return Err(unavailable(key, "no space left"));
        }
        self.inner.put(key, body, condition).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.inner.list(prefix).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.inner.delete(key).await
    }
}
