//! What is asked of an index, and its limits.

use platform::Error;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// In characters.
pub const LONGEST_QUESTION: usize = 10_000;
/// In tokens.
pub const BUDGETS: std::ops::RangeInclusive<usize> = 100..=200_000;

/// What is asked of an [`Index`].
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub question: &'a str,
    /// The context never has more tokens than this; a token is four characters, begun ones counted.
    pub token_budget: usize,
    /// Only tables of these datasets, named in full; none given, all of the index.
    pub datasets: Option<&'a [String]>,
    pub format: Format,
}

/// How the context writes a table down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Compact cards: names and types.
    #[default]
    Text,
    /// `CREATE TABLE` statements, then each example's SQL below its question as a comment.
    Ddl,
    /// JSON lines: an object a table, then `{"question", "sql"}` an example.
    Json,
}

/// Whether there is something to look for.
pub fn check_question(question: &str) -> platform::Result<()> {
    if question.trim().is_empty() {
        return Err(Error::Invalid("question is empty: ask one".to_owned()));
    }
    let length = question.chars().count();
    if length > LONGEST_QUESTION {
        return Err(Error::Invalid(format!(
            "question has {length} characters: shorten it to {LONGEST_QUESTION}"
        )));
    }
    Ok(())
}

/// Whether there is room for something, and not for everything there could be.
pub fn check_budget(tokens: usize) -> platform::Result<()> {
    if BUDGETS.contains(&tokens) {
        return Ok(());
    }
    let (least, most) = (BUDGETS.start(), BUDGETS.end());
    Err(Error::Invalid(format!(
        "token_budget is {tokens}: give {least} to {most}"
    )))
}
