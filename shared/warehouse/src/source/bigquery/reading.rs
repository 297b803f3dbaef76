//! One reading of all datasets: what is asked, in which order, and what comes of a failure.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future;
use futures::stream::{self, FuturesUnordered, StreamExt as _};
use schema::compare;
use schema::document::{Column, Problem, Table, TableKind};
use schema::family::{self, Family};
use schema::name::TableName;

use super::catalog::{self, Catalog};
use super::client::Client;
use super::failure::Failure;
use super::gets::{Reader, carried, same_shape, shards};
use super::listing::{self, Listing, newest};
use super::query;
use super::settings::{Changes, Dataset, Settings};
use super::subject::Subject;
use crate::error::SourceError;
use crate::observer::{Observer, Progress};
use crate::source::{Reading, Unread};

/// After so many tables in a row that BigQuery did not answer for, the rest is not tried.
const GIVE_UP_AFTER: usize = 10;

/// Of further failures, where nothing could be read.
const MORE: usize = 5;

struct Asked<'a> {
    settings: &'a Settings,
    client: &'a Client,
    query: query::Settings,
    known: HashMap<&'a str, &'a Table>,
    observer: &'a dyn Observer,
}

/// A dataset that could be listed.
struct Found<'a> {
    dataset: &'a Dataset,
    listing: Listing,
    catalog: Option<Catalog>,
}

/// What a dataset's query is asked for, and what reads the tables without it.
#[derive(Clone, Copy)]
enum Query {
    Changes,
    Tables,
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changes => {
                "its tables were read one by one instead, which BIGQUERY_CHANGES=get does without \
                 asking for a query"
            }
            Self::Tables => {
                "its tables were read one by one instead, which a higher BIGQUERY_QUERY_ABOVE does \
                 without asking for a query"
            }
        })
    }
}

/// One table or family to read.
struct Work<'a> {
    found: &'a Found<'a>,
    family: &'a Family,
}

#[derive(Default)]
struct Failures {
    unread: Vec<Unread>,
    told: Vec<Problem>,
    /// By their problems.
    errors: Vec<SourceError>,
}

impl Failures {
    fn tell(&mut self, problem: impl FnOnce(String) -> Problem, error: SourceError) {
        self.told.push(problem(error.to_string()));
        self.errors.push(error);
    }

    /// A dataset that is there and could not be read.
    fn dataset(&mut self, dataset: &Dataset, error: SourceError) {
        self.unread.push(Unread::Dataset(dataset.to_string()));
        self.tell(
            |detail| Problem::of_dataset(dataset.to_string(), detail),
            error,
        );
    }

    /// A table that is there and could not be read.
    fn table(&mut self, table: &TableName, error: SourceError) {
        self.unread.push(Unread::Table(table.to_string()));
        self.tell(|detail| Problem::of_table(table, detail), error);
    }

    /// The first error, with the others' words.
    fn into_error(mut self) -> Option<SourceError> {
        if self.errors.is_empty() {
            return None;
        }
        let others = self.told.iter().skip(1);
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
    let asked = Asked {
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
    let found = asked.datasets(&mut failures).await;
    let families: usize = found.iter().map(|found| found.listing.families.len()).sum();
    let many = families > settings.query_above;
    let found = if many {
        asked.query_the_rest(found, &mut failures).await
    } else {
        found
    };
    let mut tables = asked.tables(&found, many, &mut failures).await;
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    let nothing_read = tables.is_empty() && (found.is_empty() || !failures.unread.is_empty());
    if nothing_read && !failures.told.is_empty() {
        return Err(failures
            .into_error()
            .expect("each that is told has its error"));
    }
    let remedy = failures.errors.iter().find_map(SourceError::remedy);
    Ok(Reading {
        tables,
        remedy: remedy.cloned(),
        unread: failures.unread,
        problems: failures.told,
    })
}

impl<'a> Asked<'a> {
    /// Lists every dataset and, of those known, asks at the same time what was altered.
    async fn datasets(&self, failures: &mut Failures) -> Vec<Found<'a>> {
        let datasets = self.settings.datasets.len();
        let done = AtomicUsize::new(0);
        let tell = &|datasets_done| {
            self.observer.progress(Progress::Listing {
                datasets_done,
                datasets,
            });
        };
        tell(0);
        let done = &done;
        let looks = self.settings.datasets.iter().map(|dataset| async move {
            let listing = listing::list(self.client, dataset, self.observer);
            let catalog = async {
                if self.settings.changes == Changes::Query && self.is_known(dataset) {
                    Some(self.catalog(dataset).await)
                } else {
                    None
                }
            };
            let looked = future::join(listing, catalog).await;
            tell(done.fetch_add(1, Ordering::Relaxed) + 1);
            looked
        });
        let looked: Vec<_> = stream::iter(looks.collect::<Vec<_>>())
            .buffered(self.settings.parallelism)
            .collect()
            .await;
        let mut found = Vec::new();
        for (dataset, (listing, catalog)) in self.settings.datasets.iter().zip(looked) {
            match listing {
                Ok(listing) => {
                    let next = Found {
                        dataset,
                        listing,
                        catalog: None,
                    };
                    let query = Query::Changes;
                    found.extend(self.with_catalog(next, query, catalog, failures));
                }
                Err(failure) => {
                    let is_gone = failure.is_not_found();
                    let error = failure.about(Subject::Dataset(dataset));
                    if is_gone {
                        let of = |detail| Problem::of_dataset(dataset.to_string(), detail);
                        failures.tell(of, error);
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
        found: Vec<Found<'a>>,
        failures: &mut Failures,
    ) -> Vec<Found<'a>> {
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
                self.with_catalog(found, Query::Tables, catalog, failures)
            })
            .collect()
    }

    async fn catalog(&self, dataset: &Dataset) -> Result<Catalog, Failure> {
        catalog::read(self.client, &self.query, dataset, self.observer).await
    }

    /// Where queries may not run, tables are read one by one, and one problem says so. Where
    /// BigQuery is down, that would only be more of the same.
    fn with_catalog(
        &self,
        mut found: Found<'a>,
        query: Query,
        catalog: Option<Result<Catalog, Failure>>,
        failures: &mut Failures,
    ) -> Option<Found<'a>> {
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
                if !failures.told.iter().any(|told| told.subject == *project) {
                    let error = failure.about(Subject::Jobs(project));
                    let of = |detail| Problem::general(project, format!("{detail}; {query}"));
                    failures.tell(of, error);
                }
            }
            Some(Err(failure)) => {
                let error = failure.about(Subject::Query(found.dataset));
                let of = |detail| {
                    let detail = format!("{detail}; {query}");
                    Problem::of_dataset(found.dataset.to_string(), detail)
                };
                failures.tell(of, error);
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

    async fn tables(&self, found: &[Found<'_>], many: bool, failures: &mut Failures) -> Vec<Table> {
        let work: Vec<_> = found
            .iter()
            .flat_map(|found| {
                let families = found.listing.families.iter();
                families.map(move |family| Work { found, family })
            })
            .collect();
        let total = work.len();
        let tell = |tables_done| {
            self.observer.progress(Progress::Reading {
                tables_done,
                tables: total,
            });
        };
        tell(0);
        let mut tables = Vec::with_capacity(total);
        let (mut done, mut unanswered) = (0, 0);
        let mut last = String::new();
        let mut work = work.into_iter();
        let mut reading: FuturesUnordered<_> = work
            .by_ref()
            .take(self.settings.parallelism)
            .map(|work| self.attempt(work, many))
            .collect();
        while let Some((tried, table)) = reading.next().await {
            done += 1;
            reading.extend(work.next().map(|work| self.attempt(work, many)));
            match table {
                Ok(table) => {
                    unanswered = 0;
                    tables.extend(table);
                }
                Err(error) => {
                    let down = matches!(error, SourceError::Unavailable { .. });
                    unanswered = if down { unanswered + 1 } else { 0 };
                    last = error.to_string();
                    failures.table(&tried.name(), error);
                }
            }
            tell(done);
            if unanswered == GIVE_UP_AFTER && done < total {
                for found in found {
                    let error = SourceError::Unavailable {
                        detail: format!(
                            "BigQuery stopped answering after {done} of {total} tables: not every \
                             table was read; of the last one: {last}"
                        ),
                        source: anyhow::anyhow!("{done} of {total} tables were tried"),
                    };
                    failures.dataset(found.dataset, error);
                }
                break;
            }
        }
        tables
    }

    async fn attempt<'w>(
        &self,
        work: Work<'w>,
        many: bool,
    ) -> (Work<'w>, Result<Option<Table>, SourceError>) {
        let table = self.table(&work, many).await;
        (work, table)
    }

    /// None where the table has been dropped since it was listed.
    async fn table(&self, work: &Work<'_>, many: bool) -> Result<Option<Table>, SourceError> {
        let Work { found, family } = work;
        let reader = Reader {
            client: self.client,
            dataset: found.dataset,
            observer: self.observer,
        };
        let known = self.known.get(work.name().to_string().as_str()).copied();
        let table = match (work.told(known), known) {
            (Some(told), Some(known)) if is_unaltered(&known.columns, &told.columns) => {
                Some(Table {
                    rows: known.rows,
                    bytes: known.bytes,
                    columns: known.columns.clone(),
                    ..told
                })
            }
            (Some(told), _) if many => Some(told),
            (Some(told), _) => reader.table(family).await?.map(|table| Table {
                shards: told.shards,
                ..table
            }),
            (None, Some(known)) if known.shards.is_some() => match reader.table(family).await? {
                Some(table) if same_shape(&known.columns, &table.columns) => {
                    let versions = known.shards.as_ref().map(|shards| &shards.versions[..]);
                    let versions = carried(versions.unwrap_or_default(), family);
                    Some(Table {
                        shards: shards(family, versions),
                        ..table
                    })
                }
                _ => reader.anew(family).await?,
            },
            (None, _) => reader.anew(family).await?,
        };
        Ok(table.map(|table| work.with_siblings(table)))
    }
}

impl Work<'_> {
    fn name(&self) -> TableName {
        self.found.dataset.table(&self.family.name)
    }

    /// The table as the query tells it, where there was one and it knows such a table whole.
    fn told(&self, known: Option<&Table>) -> Option<Table> {
        let Self { found, family } = self;
        let catalog = found.catalog.as_ref()?;
        let listed = found.listing.told(family)?;
        if listed.table_kind() == TableKind::External {
            return None;
        }
        let mut table = catalog.table(&newest(family), listed, self.name())?;
        if let Some(known) = known {
            catalog.complete(&mut table.columns, &known.columns);
        }
        table.shards = shards(family, family::drift(&catalog.runs(family)));
        Some(table)
    }

    fn with_siblings(&self, mut table: Table) -> Table {
        if let Some(shards) = &mut table.shards {
            let families = self.found.listing.families.iter();
            let names = families.map(|family| family.name.as_str());
            shards.siblings = family::siblings(self.family, names);
        }
        table
    }
}

/// Whether the query shows what was known.
fn is_unaltered(known: &[Column], told: &[Column]) -> bool {
    let mut unaltered = true;
    compare::columns(known, told, &mut |_, _| unaltered = false);
    unaltered
}
