//! Writes many entries at once.

use platform::Result;
use platform::extract::Conditions;
use serde::Serialize;
use utoipa::ToSchema;

use super::edit::{Change, Editor, Outcome};
use super::entry::Entry;

/// The outcome of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Imported {
    /// How many entries were added or changed.
    pub written: usize,
    /// How many said the same before.
    pub unchanged: usize,
    /// The entries that were refused, in their order.
    pub refused: Vec<Refused>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Refused {
    /// The entry, such as `the metric "revenue"`.
    pub entry: String,
    pub reason: String,
}

impl Editor<'_> {
    /// Writes those entries that fit the schema, in one version.
    ///
    /// # Errors
    /// Those of [`Editor::edit`].
    pub async fn import(&self, entries: Vec<Entry>) -> Result<Imported> {
        let nouns: Vec<String> = entries.iter().map(|entry| entry.key().noun()).collect();
        let changes: Vec<Change> = entries.into_iter().map(Change::Put).collect();
        let outcomes = self.edit(&changes, &Conditions::default()).await?;
        let mut imported = Imported::default();
        for (entry, outcome) in nouns.into_iter().zip(outcomes) {
            match outcome {
                Ok(Outcome::Unchanged(_)) => imported.unchanged += 1,
                Ok(_) => imported.written += 1,
                Err(error) => {
                    let reason = error.to_string();
                    imported.refused.push(Refused { entry, reason });
                }
            }
        }
        Ok(imported)
    }
}
