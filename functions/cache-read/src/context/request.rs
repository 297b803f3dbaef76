//! Requests for a context, and their limits.

use platform::Error;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest question, in characters.
pub const LONGEST_QUESTION: usize = 10_000;
/// The allowed budgets, in tokens.
pub const BUDGETS: std::ops::RangeInclusive<usize> = 100..=200_000;

/// A request for a context.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub question: &'a str,
    /// The maximum number of tokens of the context. A token is four characters, rounded up.
    pub token_budget: usize,
    /// Only tables of these datasets, by full name; all datasets if none.
    pub datasets: Option<&'a [String]>,
    pub format: Format,
}

/// The format of the tables in a context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Compact cards: names and types.
    #[default]
    Text,
    /// `CREATE TABLE` statements, then the SQL of each example below its question in a comment.
    Ddl,
    /// JSON lines: one object per table, then `{"question", "sql"}` per example.
    Json,
}

/// Checks that a question is not empty and not too long.
pub fn check_question(question: &str) -> platform::Result<()> {
    if question.trim().is_empty() {
        return Err(Error::Invalid("question is empty".to_owned()));
    }
    let length = question.chars().count();
    if length > LONGEST_QUESTION {
        return Err(Error::Invalid(format!(
            "question has {length} characters: shorten it to {LONGEST_QUESTION}"
        )));
    }
    Ok(())
}

/// Checks that a budget is in the allowed range.
pub fn check_budget(tokens: usize) -> platform::Result<()> {
    if BUDGETS.contains(&tokens) {
        return Ok(());
    }
    let (least, most) = (BUDGETS.start(), BUDGETS.end());
    Err(Error::Invalid(format!(
        "token_budget is {tokens}: use {least} to {most}"
    )))
}
