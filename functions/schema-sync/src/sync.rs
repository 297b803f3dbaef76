//! A run: reads the warehouse, keeps what is known, describes what is new, verifies the examples, and
//! publishes a version if the content changed.

mod answer;
mod merge;
mod result;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use platform::excerpt::excerpt;
use platform::llm::Llm;
use platform::store::{Put, Store};
use platform::{All as _, Error, Resources};
use schema::Dialect;
use schema::bounds;
use schema::diff;
use schema::document::{
    self, Document, Example, FORMAT, Ledger, Meaning, Problem, Table, datasets,
};
use schema::versions::{self, Damaged, Head};
use tokio::time::Instant;
use warehouse::{Source, SourceError};

use self::answer::{answer, emit_metrics};
use self::merge::merge;
use self::result::{Enrichment, SyncResult};
use crate::enrich::{self, Settings};
use crate::examples::{self, ExampleChange, ExampleFate, Reviewed, Reviewer};
use crate::grounding::schema_of;
use crate::head::{self, apart, publish};
use crate::meaning;
use crate::run::{Progress, Run};
use crate::{definitions, rules, state};

pub use crate::head::Writers;

pub use self::answer::Answer;

/// How often a run is attempted: another writer may move the head between reading and writing.
const ATTEMPTS: usize = 5;

/// How many problems of a run are logged. The answer and the document list all.
const LOGGED: usize = 20;

/// The dependencies of a sync.
#[derive(Clone)]
pub struct Sync {
    pub store: Arc<dyn Store>,
    pub writers: Writers,
    pub source: Arc<dyn Source>,
    pub llm: Option<Llm>,
    pub settings: Settings,
}

/// What a run starts from, and the condition under which it replaces the head.
struct Base {
    document: Option<Document>,
    /// The tables without the descriptions that people wrote.
    plain: Vec<Table>,
    is_head: bool,
    replace: Put,
    /// The problem to report if the head is damaged.
    problem: Option<Problem>,
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
        let (store, source, llm, settings) = (
            resources.store(),
            warehouse::open(resources),
            resources.llm(),
            Settings::read(resources.env()),
        )
            .all()?;
        Ok(Self {
            store,
            writers: Writers::default(),
            source,
            llm,
            settings,
        })
    }

    /// Syncs once. Repeated and concurrent runs have the same effect as one.
    ///
    /// Returns `Unavailable` if the warehouse or the store is down, if the warehouse denies access, or
    /// if it lacks what `WAREHOUSE_URL` names. Returns `Conflict` if a newer version of the program
    /// wrote the cache. The cache is unchanged in these cases.
    pub async fn run(&self, run: &Run) -> Result<Answer, Error> {
        let started = Instant::now();
        let mut enrichment = None;
        let outcome = self.attempts(run, &mut enrichment).await;
        let outcome = outcome.map(|done| answer(done, started));
        let ignored = || outcome.iter().filter(|_| !run.is_watched());
        let problems = ignored().flat_map(|answer| &answer.problems);
        for Problem {
            subject, detail, ..
        } in problems.take(LOGGED)
        {
            tracing::warn!(subject, detail, "the sync has a problem with {subject}");
        }
        let examples = ignored().flat_map(|answer| &answer.examples);
        for ExampleChange {
            id, fate, reason, ..
        } in examples.take(LOGGED)
        {
            match fate {
                ExampleFate::Quarantined => {
                    tracing::warn!(id, reason, "the example {id} is quarantined");
                }
                ExampleFate::Repaired => tracing::info!(id, "the example {id} holds again"),
            }
        }
        emit_metrics(run, enrichment.as_ref(), outcome.as_ref().ok(), started);
        outcome
    }

    /// Tries until no other writer interferes. `enrichment` keeps what the LLM answered, whatever
    /// comes of the attempts: it is paid for, and asked for once per run.
    async fn attempts(
        &self,
        run: &Run,
        enrichment: &mut Option<Enrichment>,
    ) -> Result<SyncResult, Error> {
        for _ in 0..ATTEMPTS {
            if let Some(result) = self.attempt(run, enrichment).await? {
                return Ok(result);
            }
        }
        Err(Error::Unavailable {
            detail: "other writers keep changing the schema cache; run the sync again".to_owned(),
            cause: None,
        })
    }

    /// One attempt; none if another writer moved the head meanwhile.
    async fn attempt(
        &self,
        run: &Run,
        enrichment: &mut Option<Enrichment>,
    ) -> Result<Option<SyncResult>, Error> {
        let mut base = self.base().await?;
        let (tables, mut ledger) = self.read(&base, enrichment.as_mut(), run).await?;
        let source = self.described(base.document.as_ref());
        let resolved = definitions::resolve(tables, base.document.take(), &source).await?;
        base.document = resolved.before;
        let mut tables = resolved.tables;
        ledger.problems.extend(resolved.problems);
        let (mut meaning, misfits) = self.review_meaning(&base, &tables, &source, run).await;
        ledger.problems.extend(misfits);
        // Before the LLM is asked, which describes only what has no description.
        meaning.apply(&mut tables);
        let mut reviewed = self.review(&mut base, &mut tables, &source, run).await?;
        if enrichment.is_none() {
            *enrichment = self
                .enrich(&mut tables, &reviewed.good, &source, run)
                .await?;
        }
        let candidates = enrichment.as_ref().map_or(&[][..], |enrichment| {
            enrichment.add_to(&mut ledger);
            &enrichment.examples
        });
        {
            let schema = schema_of(&tables, &source);
            let reviewer = self.reviewer(&schema, run);
            reviewed.dismissed = state::load(&*self.store).await?.dismissed;
            self.fill(&tables, &mut reviewed, candidates, &reviewer, &mut ledger)
                .await;
        }
        let changes = diff::tables(base.tables(), &tables);
        let reasons = std::mem::take(&mut reviewed.reasons);
        ledger.requests = run.requests();
        ledger.bytes_billed = run.bytes_billed();
        let before = base.document.take();
        let dated = move || {
            let mut document = compose(source, tables, reviewed, meaning, ledger);
            document.date_datasets(before.as_ref());
            (Arc::new(document), before)
        };
        let (document, before) = apart(dated).await?;
        base.document = before;
        let updated = !base.is_current(&document.version);
        let lost = if updated {
            run.report(Progress::Storing);
            if !publish(&*self.store, &document, base.replace).await? {
                if let Some(enrichment) = enrichment {
                    let mut document = Arc::unwrap_or_clone(document);
                    document.meaning.restore(&mut document.tables);
                    enrichment.tables = document.tables;
                }
                return Ok(None);
            }
            versions::record(&*self.store, base.document.as_ref(), &document).await?
        } else if let Some(head) = &base.document {
            versions::record(&*self.store, None, head).await?
        } else {
            None
        };
        let mut document = Arc::unwrap_or_clone(document);
        document.ledger.problems.extend(lost);
        // After the head, which holds the answers. A sync that is killed before this line asks
        // again; one that is killed here has nothing to ask for.
        if let Some(enrichment) = enrichment {
            let memory = &enrichment.memory;
            state::update(&*self.store, |state| state.llm.clone_from(memory)).await?;
        }
        Ok(Some(SyncResult {
            before: base.document,
            document,
            changes,
            updated,
            reasons,
        }))
    }

    /// Reads the warehouse and merges what is known. It is read anew for each attempt: the writer that
    /// won may have read a newer warehouse.
    async fn read(
        &self,
        base: &Base,
        enrichment: Option<&mut Enrichment>,
        run: &Run,
    ) -> Result<(Vec<Table>, Ledger), Error> {
        let known = base.plain.iter().cloned();
        let known: Vec<Table> = known.map(Table::warehouse_facts).collect();
        let reading = self.source.read(&known, run).await.map_err(source_error)?;
        let described = enrichment.map(|enrichment| std::mem::take(&mut enrichment.tables));
        let (tables, mut ledger) = merge(
            reading,
            &base.plain,
            &described.unwrap_or_default(),
            self.dialect(),
        );
        ledger.problems.extend(base.problem.clone());
        Ok((tables, ledger))
    }

    /// Reviews the examples of the base against the tables as they are now.
    async fn review(
        &self,
        base: &mut Base,
        tables: &mut Vec<Table>,
        source: &document::Source,
        run: &Run,
    ) -> Result<Reviewed, Error> {
        let Some(before) = base.document.take() else {
            return Ok(Reviewed::default());
        };
        let (before, read, unseen) = examples::unseen(before, std::mem::take(tables)).await?;
        *tables = read;
        let before = base.document.insert(before);
        let schema = schema_of(tables, source);
        let changes = diff::tables(&before.tables, tables);
        Ok(examples::review(before, unseen, &changes, &self.reviewer(&schema, run)).await)
    }

    /// Reviews what people wrote against the tables as they are now.
    async fn review_meaning(
        &self,
        base: &Base,
        tables: &[Table],
        source: &document::Source,
        run: &Run,
    ) -> (Meaning, Vec<Problem>) {
        let Some(before) = base.document.as_ref().filter(|it| !it.meaning.is_empty()) else {
            return (Meaning::default(), Vec::new());
        };
        let mut meaning = before.meaning.clone();
        let changes = diff::tables(&before.tables, tables);
        let since = meaning::Since {
            changes: &changes,
            extensions: before.source.extensions != source.extensions,
        };
        let schema = schema_of(tables, source);
        let misfits = meaning::review(&mut meaning, &since, &self.reviewer(&schema, run)).await;
        (meaning, misfits)
    }

    /// What to start from: the head, or the newest whole version if the head is damaged.
    async fn base(&self) -> Result<Base, Error> {
        let head = head::load(&*self.store).await?;
        let replace = head.replace();
        let mut problem = None;
        let (document, is_head) = match head {
            Head::Whole { document, .. } => (Some(*document), true),
            Head::Absent => (None, false),
            // For the program that wrote it, the head is whole.
            Head::Damaged {
                error: error @ Damaged::Format(_),
                ..
            } => {
                return Err(Error::Conflict(error.to_string()));
            }
            Head::Damaged { error, .. } => {
                let error = format!("{:#}", anyhow::Error::new(error));
                tracing::error!(
                    error,
                    "the head of the schema cache is damaged and is replaced"
                );
                let newest = versions::newest_whole_version(&*self.store).await?;
                let instead = match &newest {
                    Some(document) => format!("version {}", document.version),
                    None => "nothing: what an LLM or a person wrote is lost".to_owned(),
                };
                problem = Some(Problem::general(
                    "cache",
                    format!(
                        "the head was damaged ({}); this run started from {instead}",
                        excerpt(&error)
                    ),
                ));
                (newest, false)
            }
        };
        let mut plain = document
            .as_ref()
            .map_or_else(Vec::new, |it| it.tables.clone());
        if let Some(document) = &document {
            document.meaning.restore(&mut plain);
        }
        Ok(Base {
            document,
            plain,
            is_head,
            replace,
            problem,
        })
    }

    /// The source. If the extensions of the database could not be read, those of the last sync are known.
    fn described(&self, base: Option<&Document>) -> document::Source {
        let mut source = self.source.describe();
        let known = base.map(|base| &base.source);
        if let Some(known) = known.filter(|known| known.kind == source.kind) {
            source.extensions = source.extensions.or_else(|| known.extensions.clone());
        }
        source
    }

    fn dialect(&self) -> Dialect {
        self.source.describe().dialect
    }

    fn reviewer<'a>(&'a self, schema: &'a ground::Schema<'a>, run: &'a Run) -> Reviewer<'a> {
        Reviewer::new(schema, &*self.source, run)
    }

    /// Has the LLM describe what is new, and write examples if some are missing.
    async fn enrich(
        &self,
        tables: &mut [Table],
        examples: &[Example],
        source: &document::Source,
        run: &Run,
    ) -> Result<Option<Enrichment>, Error> {
        let Some(llm) = &self.llm else {
            return Ok(None);
        };
        let state = state::load(&*self.store).await?;
        let lost = state.lost();
        let mut memory = state.llm;
        let schema = schema_of(tables, source);
        let task = enrich::Task {
            schema: &schema,
            examples,
            settings: &self.settings,
            run,
        };
        let outcome = enrich::enrich(llm, tables, &mut memory, &task).await;
        outcome.apply(tables);
        Ok(Some(Enrichment {
            memory,
            tables: Vec::new(),
            examples: outcome.examples,
            costs: Ledger {
                llm_calls: outcome.calls,
                llm_input_tokens: outcome.input_tokens,
                llm_output_tokens: outcome.output_tokens,
                dropped: outcome.dropped,
                problems: lost.into_iter().chain(outcome.problems).collect(),
                ..Ledger::default()
            },
        }))
    }

    /// Fills up with examples of the LLM, and if there are too few, with generated ones.
    async fn fill(
        &self,
        tables: &[Table],
        reviewed: &mut Reviewed,
        candidates: &[Example],
        reviewer: &Reviewer<'_>,
        ledger: &mut Ledger,
    ) {
        let count = self.settings.examples;
        let datasets = datasets(tables);
        let candidates = reviewed.wanted(candidates.to_vec());
        if !candidates.is_empty() {
            reviewed.drop_generated(&candidates, &datasets);
            let failed = reviewed.fill(candidates, count, reviewer).await;
            let failed = failed.into_iter();
            ledger
                .dropped
                .extend(failed.map(|(it, _)| examples::dropped(it, &datasets)));
        }
        if reviewed.count() < count {
            // Twice as many as needed, because some may fail.
            let generated = rules::examples(tables, self.dialect(), count * 2);
            let generated = reviewed.wanted(generated);
            let failed = reviewed.fill(generated, count, reviewer).await;
            if reviewed.count() < count
                && let Some((_, reason)) = failed.first()
            {
                let (omitted, reason) = (failed.len(), excerpt(reason));
                reviewed.problems.push(examples::problem(format!(
                    "{omitted} generated examples failed and are omitted; the warehouse's message \
                     for the first: {reason}"
                )));
            }
        }
        reviewed.settle(count, &datasets);
    }
}

fn compose(
    mut source: document::Source,
    mut tables: Vec<Table>,
    reviewed: Reviewed,
    meaning: Meaning,
    mut ledger: Ledger,
) -> Document {
    bounds::fit_all(&mut tables);
    ledger.problems.extend(bounds::problems(&tables));
    let datasets: BTreeSet<&str> = source
        .datasets
        .iter()
        .map(String::as_str)
        .chain(tables.iter().map(Table::dataset))
        .collect();
    let datasets = datasets.into_iter().filter(|id| !id.is_empty());
    source.datasets = datasets.map(str::to_owned).collect();
    ledger.problems.extend(reviewed.problems);
    bounds::fit_ledger(&mut ledger);
    let mut document = Document {
        format: FORMAT,
        version: String::new(),
        generated_at: Timestamp::now(),
        source,
        tables,
        examples: reviewed.good,
        quarantined: reviewed.quarantined,
        meaning,
        ledger,
    };
    versions::seal(&mut document);
    document
}

fn source_error(error: SourceError) -> Error {
    match error {
        SourceError::Denied(refusal) | SourceError::Refused(refusal) => Error::Unavailable {
            detail: refusal.detail,
            cause: None,
        },
        SourceError::NotFound(detail) => Error::Unavailable {
            detail,
            cause: None,
        },
        SourceError::Unavailable { detail, source } => Error::unavailable(detail, source),
        SourceError::Other(error) => Error::Internal(error),
    }
}
