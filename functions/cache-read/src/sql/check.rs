//! Checks a query: by grounding and, if there is a warehouse, by its plan.

use std::sync::Arc;

use ground::{Grounded, Schema, Unread};
use platform::Error;
use platform::excerpt::cut;
use schema::document::{Document, How};
use schema::mentions::Mentions;
use tracing::error;
use warehouse::{Plan, Planned};

use super::answer::SqlAnswer;
use super::model_answer::RequestKind;
use super::write::{LONGEST_ERROR, Rejection, Writer};
use crate::hidden::{hidden, mentions_hidden};

/// How far a query could be checked without the warehouse.
enum Grounding {
    /// Every identifier resolves.
    Read(Grounded),
    /// It can't be read here, for the reason given; the warehouse decides.
    Unread { unread: Unread, error: String },
}

impl Writer<'_> {
    /// Checks a query of the model: it must resolve, or be planned, within the caller's scope.
    pub(super) async fn check(
        &self,
        sql: String,
    ) -> platform::Result<Result<SqlAnswer, Rejection>> {
        let grounding = match self.ground(sql.clone()).await? {
            Ok(grounding) => grounding,
            Err(error) => return Ok(Err(Rejection::Invalid { sql, error })),
        };
        let planning = self.setup.planner.plan(&sql, &self.seen.source);
        let plan = match self.in_time("the warehouse", planning).await?? {
            Ok(plan) => plan,
            Err(refusal) => {
                let detail = "the warehouse can't plan queries now";
                let (detail, cause) = if self.whole.is_none() {
                    let message = cut(&refusal.to_string(), LONGEST_ERROR);
                    (format!("{detail}: {message}"), None)
                } else {
                    let instead = "its message is in the log, under the request id";
                    (format!("{detail}; {instead}"), Some(refusal.into()))
                };
                return Err(Error::Unavailable { detail, cause });
            }
        };
        let planned = match plan {
            Plan::Accepted(planned) => planned,
            Plan::Rejected(rejection) => {
                let error = self.rejected(&rejection, &sql, grounding);
                return Ok(Err(Rejection::Invalid { sql, error }));
            }
        };
        let tables = match self.tables(grounding, &planned) {
            Ok(tables) => tables,
            Err(error) => return Ok(Err(Rejection::Invalid { sql, error })),
        };
        let verified = planned.verified;
        if let (Some(bytes), Some(limit)) = (verified.bytes_processed, self.max_bytes)
            && bytes > limit
        {
            self.metrics.count("sql_refused_over_max_bytes");
            return Err(Error::Unprocessable(format!(
                "the query would read {bytes} bytes, and the limit is {limit}: ask for a shorter \
                 time or less of it"
            )));
        }
        self.metrics.count("sql_written");
        Ok(Ok(SqlAnswer {
            kind: RequestKind::Query,
            sql: Some(sql),
            bytes_processed: verified.bytes_processed,
            verified: Some(verified),
            tables,
            answer: None,
            reason: None,
            version: self.seen.version.clone(),
        }))
    }

    /// The tables that a planned query reads, or why it is invalid.
    fn tables(&self, grounding: Grounding, planned: &Planned) -> Result<Vec<String>, String> {
        let reads = &planned.reads;
        match grounding {
            Grounding::Read(grounded) => {
                let outside = grounded.outside_datasets(reads, &self.seen.tables);
                if outside.is_some() {
                    // Logged without names: the tables may be out of the caller's scope.
                    error!("the warehouse reads more tables than grounding found in a query");
                    return Err(
                        "it reads tables of other datasets than it names: write each as \
                                the schema does"
                            .to_owned(),
                    );
                }
                Ok(grounded.tables)
            }
            // No warehouse has planned it.
            Grounding::Unread { error, .. } if planned.verified.how != How::DryRun => Err(error),
            Grounding::Unread { unread, error } => {
                let schema = schema_of(&self.seen);
                let grounded = unread.grounded(reads, planned.calls_routines, &schema);
                grounded.map(|it| it.tables).map_err(|_| error)
            }
        }
    }

    /// Why a query is invalid that the warehouse rejects.
    fn rejected(
        &self,
        rejection: &warehouse::Rejection,
        sql: &str,
        grounding: Grounding,
    ) -> String {
        match grounding {
            Grounding::Read(_) => self.visible(rejection, sql),
            Grounding::Unread { error, .. } if self.whole.is_none() => {
                let message = self.visible(rejection, sql);
                format!("{error}; the warehouse rejects it: {message}")
            }
            // The message would tell whether a table out of scope exists.
            Grounding::Unread { error, .. } => error,
        }
    }

    /// What the query reads, or why it is invalid, without mentioning anything out of scope.
    async fn ground(&self, sql: String) -> platform::Result<Result<Grounding, String>> {
        let (seen, whole) = (Arc::clone(&self.seen), self.whole.clone());
        let work =
            tokio::task::spawn_blocking(move || ground_within(&sql, &seen, whole.as_deref()));
        let grounded = self.in_time("the check of the query", work).await?;
        grounded.map_err(anyhow::Error::from)?
    }

    /// The warehouse's message, or without its names if it may mention something out of scope.
    fn visible(&self, rejection: &warehouse::Rejection, sql: &str) -> String {
        let message = &rejection.message;
        let hides = |whole: &Arc<Document>| {
            mentions_hidden(message, &self.seen, whole)
                || !ground::names_only_known(message, sql, &schema_of(&self.seen))
        };
        if self.whole.as_ref().is_some_and(hides) {
            return rejection.outline.clone();
        }
        cut(message, LONGEST_ERROR)
    }
}

/// The schema that a query of a model is checked against: names must be full.
fn schema_of(document: &Document) -> Schema<'_> {
    Schema::new(&document.tables, document.source.dialect)
        .with_extensions(document.source.extensions.as_deref())
        .strict()
}

/// Grounds a query in the visible document. A name may refer to one table among the visible ones, and to
/// another one for the warehouse, which knows all. Names must therefore be full, and the query must read
/// the same tables in the whole document.
fn ground_within(
    sql: &str,
    seen: &Document,
    whole: Option<&Document>,
) -> platform::Result<Result<Grounding, String>> {
    if sql.is_empty() {
        return Ok(Err("`kind` is query, and `sql` is empty".to_owned()));
    }
    let visible = schema_of(seen);
    let grounded = match ground::sql(sql, &visible) {
        Ok(grounded) => grounded,
        Err(faults) if ground::is_unchecked(&faults) => {
            let detail = "the query that the language model wrote could not be checked: try again";
            return Err(Error::Unavailable {
                detail: detail.to_owned(),
                cause: None,
            });
        }
        Err(faults) => {
            let error = ground::reasons(&faults);
            let hidden = whole.map_or_else(Mentions::default, |whole| hidden(seen, whole));
            return Ok(match ground::unread(sql, &faults, &visible, &hidden) {
                Some(unread) => Ok(Grounding::Unread { unread, error }),
                None => Err(error),
            });
        }
    };
    match whole.map(|whole| ground::sql(sql, &schema_of(whole))) {
        Some(Ok(again)) if again != grounded => {}
        Some(Err(_)) => {}
        Some(Ok(_)) | None => return Ok(Ok(Grounding::Read(grounded))),
    }
    let short = "a table's name is short: write each as the schema does, with its dataset";
    Ok(Err(short.to_owned()))
}
