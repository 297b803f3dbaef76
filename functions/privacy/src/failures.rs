//! Errors of a run that don't stop its other parts.

use platform::{Error, Result};

/// The errors of a run. The run returns the first one at its end, so that the trigger is retried.
#[derive(Default)]
pub struct Failures {
    first: Option<Error>,
}

impl Failures {
    /// Returns the value, or logs and records the error. The caller continues with its next part.
    pub fn record<T>(&mut self, part: &str, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "privacy: {part} failed");
                self.first.get_or_insert(error);
                None
            }
        }
    }

    /// The value, or the first recorded error.
    pub fn or_first<T>(self, value: T) -> Result<T> {
        self.first.map_or(Ok(value), Err)
    }
}
