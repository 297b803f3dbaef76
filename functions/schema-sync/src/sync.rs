//! One run: read the warehouse, keep what is known, describe what is new, verify the examples,
//! and publish a version if the content changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use shared::llm::Llm;
use shared::store::{Put, Store, StoreError};
use shared::{Error, Resources};
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::diff::{self, Change};
use crate::document::{Dialect, Document, Dropped, Example, FORMAT, Ledger, Problem, Table};
use crate::enrich::{self, Settings};
use crate::examples::{self, Reviewed, Reviewer};
use crate::publish::{self, Head};
use crate::source::{self, Progress, Reading, Run, Source, SourceError};
use crate::{ground, rules, state};

/// Another writer may move the head between our reading and our writing; more often than this it
/// is no coincidence.
const ATTEMPTS: usize = 5;

/// What a sync works with.
#[derive(Clone)]
pub struct Sync {
    pub store: Arc<dyn Store>,
    pub source: Arc<dyn Source>,
    pub llm: Option<Llm>,
    pub settings: Settings,
}

/// The answer of a run: M4's fields, then the version, the tables and what changed.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Answer {
    /// `success`; a run that fails answers a problem instead.
    pub status: &'static str,
    pub message: String,
    /// The cache's content changed.
    pub updated: bool,
    /// Top-level columns of all tables.
    pub columns_count: usize,
    pub examples_count: usize,
    /// In seconds.
    pub execution_time: f64,
    /// The version that is current now.
    pub version: String,
    pub tables_count: usize,
    /// Against the version before; of the first version, each table.
    pub changes: Vec<Change>,
    /// What could not be read, described or verified; the rest was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// What a run compares with, and under which condition it replaces the head.
struct Base {
    document: Option<Document>,
    is_head: bool,
    replace: Put,
}

impl Base {
    fn tables(&self) -> &[Table] {
        self.document.as_ref().map_or(&[], |it| &it.tables)
    }

    fn is_current(&self, version: &str) -> bool {
        self.is_head
            && self
                .document
                .as_ref()
                .is_some_and(|it| it.version == version)
    }
}

impl Sync {
    pub fn open(resources: &Resources) -> anyhow::Result<Self> {
        Ok(Self {
            store: resources.store()?,
            source: source::open(resources)?,
            llm: resources.llm()?,
            settings: Settings::read(resources.env())?,
        })
    }

    /// Syncs once. Running it twice, or two at once, changes no more than running it once.
    ///
    /// `Unavailable` where the warehouse or the store is down, `Forbidden` and `NotFound` where
    /// the warehouse says so; the cache is as it was then.
    pub async fn run(&self, run: &Run) -> Result<Answer, Error> {
        let started = Instant::now();
        let mut base = self.base().await?;
        let known: Vec<Table> = base
            .tables()
            .iter()
            .cloned()
            .map(Table::warehouse_facts)
            .collect();
        let reading = self.source.read(&known, run).await.map_err(source_error)?;
        drop(known);

        let (mut tables, mut ledger) = merge(reading, base.document.as_ref());
        let mut written: Option<Vec<Example>> = None;
        for _ in 0..ATTEMPTS {
            let mut reviewed = match &base.document {
                None => Reviewed::default(),
                Some(before) => {
                    let schema = ground::Schema::new(&tables, self.dialect());
                    let changes = diff::tables(&before.tables, &tables);
                    examples::review(before, &changes, &self.reviewer(&schema, run)).await
                }
            };
            let candidates = match written.take() {
                Some(candidates) => candidates,
                None => {
                    self.enrich(&mut tables, &reviewed.good, run, &mut ledger)
                        .await?
                }
            };
            let mut ledger = ledger.clone();
            self.fill(&tables, &mut reviewed, candidates.clone(), run, &mut ledger)
                .await;
            let changes = diff::tables(base.tables(), &tables);
            let document = self.compose(tables, reviewed, ledger, run);
            let updated = !base.is_current(&document.version);
            if updated {
                run.tell(Progress::Storing);
                let replace = base.replace.clone();
                match publish::publish(&*self.store, &document, replace).await {
                    Ok(()) => {}
                    // Another sync or a person's example came between: compare with that, unless
                    // the other one is us: a put whose answer was lost is tried again.
                    Err(StoreError::Precondition(_)) => {
                        base = self.base().await?;
                        if base.document.as_ref() != Some(&document) {
                            tables = document.tables;
                            written = Some(candidates);
                            continue;
                        }
                    }
                    Err(error) => return Err(error.into()),
                }
            }
            publish::record(&*self.store, &document, &changes).await?;
            return Ok(answer(document, changes, updated, started));
        }
        let detail = "others keep writing the schema cache; run the sync again".to_owned();
        Err(Error::Unavailable {
            detail,
            cause: None,
        })
    }

    /// What to start from: the head, or the newest whole version where the head is damaged.
    async fn base(&self) -> Result<Base, Error> {
        let head = publish::load_head(&*self.store).await?;
        let replace = head.replace();
        let (document, is_head) = match head {
            Head::Whole { document, .. } => (Some(*document), true),
            Head::Absent => (None, false),
            Head::Damaged { error, .. } => {
                tracing::error!(%error, "the head of the schema cache is damaged and is replaced");
                (publish::newest_whole_version(&*self.store).await?, false)
            }
        };
        Ok(Base {
            document,
            is_head,
            replace,
        })
    }

    fn dialect(&self) -> Dialect {
        self.source.describe().dialect
    }

    fn reviewer<'a>(&'a self, schema: &'a ground::Schema<'a>, run: &'a Run) -> Reviewer<'a> {
        Reviewer {
            schema,
            source: &*self.source,
            run,
        }
    }

    /// Has the LLM describe what is new and write examples where some are missing; gives those.
    async fn enrich(
        &self,
        tables: &mut [Table],
        examples: &[Example],
        run: &Run,
        ledger: &mut Ledger,
    ) -> Result<Vec<Example>, Error> {
        let Some(llm) = &self.llm else {
            return Ok(Vec::new());
        };
        let mut memory = state::load(&*self.store).await?.llm;
        let schema = ground::Schema::new(tables, self.dialect());
        let task = enrich::Task {
            schema: &schema,
            examples,
            settings: &self.settings,
            run,
        };
        let outcome = enrich::enrich(llm, tables, &mut memory, &task).await;
        outcome.apply(tables);
        ledger.llm_calls = outcome.calls;
        ledger.llm_input_tokens = outcome.input_tokens;
        ledger.llm_output_tokens = outcome.output_tokens;
        ledger.dropped.extend(outcome.dropped);
        ledger.problems.extend(outcome.problems);
        state::update(&*self.store, |state| state.llm = memory.clone()).await?;
        Ok(outcome.examples)
    }

    /// Fills up with the LLM's examples, and where those are too few, with examples by rule.
    async fn fill(
        &self,
        tables: &[Table],
        reviewed: &mut Reviewed,
        candidates: Vec<Example>,
        run: &Run,
        ledger: &mut Ledger,
    ) {
        let count = self.settings.examples;
        let schema = ground::Schema::new(tables, self.dialect());
        let reviewer = self.reviewer(&schema, run);
        if !candidates.is_empty() {
            reviewed.drop_those_by_rule();
            let failed = reviewed.fill(candidates, count, &reviewer).await;
            ledger.dropped.extend(failed.into_iter().map(dropped));
        }
        if reviewed.good.len() < count {
            // Twice as many as there is room for, since some may not hold.
            let by_rule = rules::examples(tables, self.dialect(), count * 2);
            reviewed.fill(by_rule, count, &reviewer).await;
        }
        reviewed.settle(count);
    }

    fn compose(
        &self,
        tables: Vec<Table>,
        reviewed: Reviewed,
        mut ledger: Ledger,
        run: &Run,
    ) -> Document {
        let mut source = self.source.describe();
        let datasets: BTreeSet<&str> = source
            .datasets
            .iter()
            .map(String::as_str)
            .chain(tables.iter().map(Table::dataset))
            .collect();
        source.datasets = datasets.into_iter().map(str::to_owned).collect();
        ledger.problems.extend(reviewed.problems);
        ledger.requests = run.requests();
        ledger.bytes_billed = run.bytes_billed();
        let mut document = Document {
            format: FORMAT,
            version: String::new(),
            generated_at: Timestamp::now(),
            source,
            tables,
            examples: reviewed.good,
            quarantined: reviewed.quarantined,
            ledger,
        };
        document.version = publish::content_hash(&document);
        document
    }
}

/// The tables that were read with what an LLM said of them before, and those that could not be
/// read, as they are known.
fn merge(reading: Reading, base: Option<&Document>) -> (Vec<Table>, Ledger) {
    let Reading {
        mut tables,
        problems,
        unread,
    } = reading;
    if let Some(base) = base {
        enrich::carry_over(&base.tables, &mut tables);
        let read: BTreeSet<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        let lost = |table: &&Table| {
            let of = |subject: &String| *subject == table.name || subject == table.dataset();
            !read.contains(table.name.as_str()) && unread.iter().any(of)
        };
        let kept: Vec<Table> = base.tables.iter().filter(lost).cloned().collect();
        tables.extend(kept);
    }
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    (
        tables,
        Ledger {
            problems,
            ..Ledger::default()
        },
    )
}

fn dropped(example: Example) -> Dropped {
    Dropped {
        table: example.tables.into_iter().next(),
        path: None,
        text: example.sql,
        reason: example.error.unwrap_or_default(),
    }
}

fn answer(document: Document, changes: Vec<Change>, updated: bool, started: Instant) -> Answer {
    let (columns_count, problems) = (document.columns_count(), document.ledger.problems);
    let message = match problems.len() {
        0 => "MetaSync completed successfully".to_owned(),
        1 => "MetaSync completed with 1 problem".to_owned(),
        count => format!("MetaSync completed with {count} problems"),
    };
    Answer {
        status: "success",
        message,
        updated,
        columns_count,
        examples_count: document.examples.len(),
        execution_time: started.elapsed().as_millis() as f64 / 1_000.0,
        version: document.version,
        tables_count: document.tables.len(),
        changes,
        problems,
    }
}

fn source_error(error: SourceError) -> Error {
    match error {
        SourceError::Denied(detail) | SourceError::NotFound(detail) => Error::Unavailable {
            detail,
            cause: None,
        },
        SourceError::Unavailable { detail, source } => Error::unavailable(detail, source),
        SourceError::Other(error) => Error::Internal(error),
    }
}
