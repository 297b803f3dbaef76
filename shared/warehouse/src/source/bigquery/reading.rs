//! Reading all datasets: what is requested in which order, and what happens after a failure.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future;
use futures::stream::{self, FuturesUnordered, StreamExt as _};
use platform::plural::counted;
use schema::document::{Problem, Table};
use schema::name::TableName;

use super::catalog::{self, Catalog};
use super::client::Client;
use super::failure::Failure;
use super::gets::{Found, TableReader, carry_versions, same_shape, shards};
use super::listing;
use super::query;
use super::settings::{Changes, Dataset, Settings};
use super::subject::Subject;
use super::tables::{ReadTable, Tables};
use super::task::{ListedDataset, TableTask, is_unchanged};
use crate::error::SourceError;
use crate::observer::{Observer, Progress};
use crate::source::{Reading, Unread};

/// After this many consecutive tables without a response, the remaining ones are not tried.
const GIVE_UP_AFTER: usize = 10;

/// How many further failures the error names if nothing could be read.
const MORE: usize = 5;

/// One reading.
struct DatasetsReader<'a> {
    settings: &'a Settings,
    client: &'a Client,
    query: query::Settings,
    known: HashMap<&'a str, &'a Table>,
    observer: &'a dyn Observer,
}

/// What a dataset's query is for, and how to do without it.
#[derive(Clone, Copy)]
enum QueryPurpose {
    Changes,
    Tables,
}

impl fmt::Display for QueryPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changes => {
                "its tables were read one by one instead; set BIGQUERY_CHANGES=get to do so without \
                 trying the query"
            }
            Self::Tables => {
                "its tables were read one by one instead; raise BIGQUERY_QUERY_ABOVE to do so \
                 without trying the query"
            }
        })
    }
}

#[derive(Default)]
struct Failures {
    unread: Vec<Unread>,
    problems: Vec<Problem>,
    /// The errors behind `problems`, in the same order.
    errors: Vec<SourceError>,
}

impl Failures {
    fn add(&mut self, problem: impl FnOnce(String) -> Problem, error: SourceError) {
        self.problems.push(problem(error.to_string()));
        self.errors.push(error);
    }

    /// Adds a dataset that exists and could not be read.
    fn dataset(&mut self, dataset: &Dataset, error: SourceError) {
        self.unread.push(Unread::Dataset(dataset.to_string()));
        self.add(
            |detail| Problem::of_dataset(dataset.to_string(), detail),
            error,
        );
    }

    /// Adds a table that exists and could not be read.
    fn table(&mut self, table: &TableName, error: SourceError) {
        self.unread.push(Unread::Table(table.to_string()));
        self.add(|detail| Problem::of_table(table, detail), error);
    }

    /// Adds a table whose entry in the listing can't be parsed.
    fn entry(&mut self, dataset: &Dataset, table: Option<String>, failure: Failure) {
        match table {
            Some(table) => {
                let error = failure.about(Subject::Table(dataset, &table));
                self.table(&dataset.table(&table), error);
            }
            None => {
                let error = failure.about(Subject::Dataset(dataset));
                self.add(
                    |detail| Problem::of_dataset(dataset.to_string(), detail),
                    error,
                );
            }
        }
    }

    /// The first error, with the messages of others.
    fn into_error(mut self) -> Option<SourceError> {
        if self.errors.is_empty() {
            return None;
        }
        let others = self.problems.iter().skip(1);
        let more: String = others
            .take(MORE)
            .map(|it| format!("; {}: {}", it.subject, it.detail))
            .collect();
        Some(self.errors.swap_remove(0).and(&more))
    }
}

pub(super) async fn read(
    settings: &Settings,
    client: &Client,
    known: &[Table],
    observer: &dyn Observer,
) -> Result<Reading, SourceError> {
    let reader = DatasetsReader {
        settings,
        client,
        query: query::Settings {
            project: settings.project.clone(),
            max_bytes_billed: settings.max_bytes_billed,
        },
        known: known
            .iter()
            .map(|table| (table.name.as_str(), table))
            .collect(),
        observer,
    };
    let mut failures = Failures::default();
    let found = reader.datasets(&mut failures).await;
    let families: usize = found.iter().map(|found| found.listing.families.len()).sum();
    let many = families > settings.query_above;
    let found = if many {
        reader.query_the_rest(found, &mut failures).await
    } else {
        found
    };
    let mut tables = reader.tables(&found, many, &mut failures).await;
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    let nothing_read = tables.is_empty() && (found.is_empty() || !failures.unread.is_empty());
    if nothing_read && !failures.problems.is_empty() {
        return Err(failures.into_error().expect("each problem has an error"));
    }
    let remedy = failures.errors.iter().find_map(SourceError::remedy);
    Ok(Reading {
        tables,
        remedy: remedy.cloned(),
        unread: failures.unread,
        problems: failures.problems,
    })
}

impl<'a> DatasetsReader<'a> {
    /// Lists every dataset and, at the same time, queries known ones for what changed.
    async fn datasets(&self, failures: &mut Failures) -> Vec<ListedDataset<'a>> {
        let datasets = self.settings.datasets.len();
        let done = AtomicUsize::new(0);
        let report = &|datasets_done| {
            self.observer.progress(Progress::Listing {
                datasets_done,
                datasets,
            });
        };
        report(0);
        let done = &done;
        let requests = self.settings.datasets.iter().map(|dataset| async move {
            let listing = listing::list(self.client, dataset, self.observer);
            let catalog = async {
                if self.settings.changes == Changes::Query && self.is_known(dataset) {
                    Some(self.catalog(dataset).await)
                } else {
                    None
                }
            };
            let responses = future::join(listing, catalog).await;
            report(done.fetch_add(1, Ordering::Relaxed) + 1);
            responses
        });
        let responses: Vec<_> = stream::iter(requests.collect::<Vec<_>>())
            .buffered(self.settings.parallelism)
            .collect()
            .await;
        let mut found = Vec::new();
        for (dataset, (listing, catalog)) in self.settings.datasets.iter().zip(responses) {
            match listing {
                Ok(mut listing) => {
                    for (table, failure) in std::mem::take(&mut listing.unreadable) {
                        failures.entry(dataset, table, failure);
                    }
                    let next = ListedDataset {
                        dataset,
                        listing,
                        catalog: None,
                    };
                    let query = QueryPurpose::Changes;
                    found.extend(self.with_catalog(next, query, catalog, failures));
                }
                Err(failure) => {
                    let is_gone = failure.is_not_found();
                    let error = failure.about(Subject::Dataset(dataset));
                    if is_gone {
                        let of = |detail| Problem::of_dataset(dataset.to_string(), detail);
                        failures.add(of, error);
                    } else {
                        failures.dataset(dataset, error);
                    }
                }
            }
        }
        found
    }

    async fn query_the_rest(
        &self,
        found: Vec<ListedDataset<'a>>,
        failures: &mut Failures,
    ) -> Vec<ListedDataset<'a>> {
        let queries = found.into_iter().map(|found| async {
            let catalog = if found.catalog.is_none() && !self.is_known(found.dataset) {
                Some(self.catalog(found.dataset).await)
            } else {
                None
            };
            (found, catalog)
        });
        let queried: Vec<_> = stream::iter(queries.collect::<Vec<_>>())
            .buffered(self.settings.parallelism)
            .collect()
            .await;
        queried
            .into_iter()
            .filter_map(|(found, catalog)| {
                self.with_catalog(found, QueryPurpose::Tables, catalog, failures)
            })
            .collect()
    }

    async fn catalog(&self, dataset: &Dataset) -> Result<Catalog, Failure> {
        catalog::read(self.client, &self.query, dataset, self.observer).await
    }

    /// If queries are denied, tables are read one by one, and one problem says so. If BigQuery is down,
    /// the dataset is unread.
    fn with_catalog(
        &self,
        mut found: ListedDataset<'a>,
        query: QueryPurpose,
        catalog: Option<Result<Catalog, Failure>>,
        failures: &mut Failures,
    ) -> Option<ListedDataset<'a>> {
        match catalog {
            None => {}
            Some(Ok(catalog)) => found.catalog = Some(catalog),
            Some(Err(failure)) if failure.is_transient() || failure.needs_new_job() => {
                failures.dataset(
                    found.dataset,
                    failure.about(Subject::Dataset(found.dataset)),
                );
                return None;
            }
            Some(Err(failure)) if failure.is_about_jobs() => {
                let project = &self.settings.project;
                if !failures
                    .problems
                    .iter()
                    .any(|problem| problem.subject == *project)
                {
                    let error = failure.about(Subject::Jobs(project));
                    let of = |detail| Problem::general(project, format!("{detail}; {query}"));
                    failures.add(of, error);
                }
            }
            Some(Err(failure)) => {
                let error = failure.about(Subject::Query(found.dataset));
                let of = |detail| {
                    let detail = format!("{detail}; {query}");
                    Problem::of_dataset(found.dataset.to_string(), detail)
                };
                failures.add(of, error);
            }
        }
        Some(found)
    }

    fn is_known(&self, dataset: &Dataset) -> bool {
        let is_in = |table: &&Table| {
            table.parts.project == dataset.project && table.parts.dataset == dataset.name
        };
        self.known.values().any(is_in)
    }

    async fn tables(
        &self,
        found: &[ListedDataset<'_>],
        many: bool,
        failures: &mut Failures,
    ) -> Vec<Table> {
        let tasks: Vec<_> = found
            .iter()
            .flat_map(|found| {
                let families = found.listing.families.iter();
                families.map(move |family| TableTask { found, family })
            })
            .collect();
        let total = tasks.len();
        let report = |tables_done| {
            self.observer.progress(Progress::Reading {
                tables_done,
                tables: total,
            });
        };
        report(0);
        let mut tables = Tables::default();
        let (mut done, mut unanswered) = (0, 0);
        let mut last = String::new();
        let mut tasks = tasks.into_iter();
        let mut reading: FuturesUnordered<_> = tasks
            .by_ref()
            .take(self.settings.parallelism)
            .map(|task| self.attempt(task, many))
            .collect();
        while let Some((tried, table)) = reading.next().await {
            done += 1;
            reading.extend(tasks.next().map(|task| self.attempt(task, many)));
            match table {
                Ok(read) => {
                    unanswered = 0;
                    for (name, error) in tables.add(&tried, read) {
                        failures.table(&name, error);
                    }
                }
                Err(error) => {
                    let down = matches!(error, SourceError::Unavailable { .. });
                    unanswered = if down { unanswered + 1 } else { 0 };
                    last = error.to_string();
                    failures.table(&tried.name(), error);
                    // Its shards may be known as tables of their own.
                    let shards = tried
                        .shards()
                        .filter(|it| self.known.contains_key(it.as_str()));
                    failures.unread.extend(shards.map(Unread::Table));
                }
            }
            report(done);
            if unanswered == GIVE_UP_AFTER && done < total {
                for found in found {
                    let error = SourceError::Unavailable {
                        detail: format!(
                            "BigQuery stopped responding after {done} of {}, so not every table was \
                             read; the last error: {last}",
                            counted(total, "table")
                        ),
                        source: anyhow::anyhow!("tried {done} of {}", counted(total, "table")),
                    };
                    failures.dataset(found.dataset, error);
                }
                break;
            }
        }
        tables.finish(found)
    }

    async fn attempt<'w>(
        &self,
        task: TableTask<'w>,
        many: bool,
    ) -> (TableTask<'w>, Result<Vec<ReadTable>, SourceError>) {
        let tables = self.read(&task, many).await;
        (task, tables)
    }

    /// The table or family; if some of its shards turn out to be other tables, these as well; nothing if
    /// it has been dropped since it was listed.
    async fn read(&self, task: &TableTask<'_>, many: bool) -> Result<Vec<ReadTable>, SourceError> {
        let mut left = match self.table(task, many).await? {
            Found::Table(table) => return Ok(vec![(table.parts.clone(), Ok(*table))]),
            Found::Gone => return Ok(Vec::new()),
            Found::Unrelated(families) => families,
        };
        let mut read = Vec::new();
        while let Some(family) = left.pop() {
            let task = TableTask {
                found: task.found,
                family: &family,
            };
            match self.table(&task, many).await {
                Ok(Found::Table(table)) => read.push((task.name(), Ok(*table))),
                Ok(Found::Gone) => {}
                Ok(Found::Unrelated(families)) => left.extend(families),
                Err(error) => read.push((task.name(), Err(error))),
            }
        }
        Ok(read)
    }

    async fn table(&self, task: &TableTask<'_>, many: bool) -> Result<Found, SourceError> {
        let TableTask { found, family } = task;
        let families = task.related_by_query();
        if families.len() > 1 {
            return Ok(Found::Unrelated(families));
        }
        let reader = TableReader {
            client: self.client,
            dataset: found.dataset,
            observer: self.observer,
        };
        let known = self.known.get(task.name().to_string().as_str()).copied();
        let table = match (task.by_query(known), known) {
            (Some(queried), Some(known)) if is_unchanged(&known.columns, &queried.columns) => {
                Some(Table {
                    rows: known.rows,
                    bytes: known.bytes,
                    columns: known.columns.clone(),
                    ..queried
                })
            }
            (Some(queried), _) if many => Some(queried),
            (Some(queried), _) => reader.table(family).await?.map(|table| Table {
                shards: queried.shards,
                ..table
            }),
            // A shard that is known as a table of its own may still be one.
            (None, Some(known))
                if known.shards.is_some()
                    && !task.shards().any(|it| self.known.contains_key(it.as_str())) =>
            {
                match reader.table(family).await? {
                    Some(table) if same_shape(&known.columns, &table.columns) => {
                        let versions = known.shards.as_ref().map(|shards| &shards.versions[..]);
                        let versions = carry_versions(versions.unwrap_or_default(), family);
                        Some(Table {
                            shards: shards(family, versions),
                            ..table
                        })
                    }
                    _ => return reader.read_new(family).await,
                }
            }
            (None, _) => return reader.read_new(family).await,
        };
        Ok(table.into())
    }
}
