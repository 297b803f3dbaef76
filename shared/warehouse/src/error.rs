//! Why a warehouse could not be read or asked, and what an operator can do about it.

use std::fmt;

/// The refusal of a warehouse: its message, and a remedy if one is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub detail: String,
    pub remedy: Option<Remedy>,
}

impl From<String> for Refusal {
    fn from(detail: String) -> Self {
        Self {
            detail,
            remedy: None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// What an operator can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Grant a role on a Google Cloud project.
    Grant { role: &'static str, project: String },
    /// Set a variable, `NAME=value`.
    Set(&'static str),
    /// Run a command.
    Run(String),
}

/// Why a warehouse could not be read or could not plan a query.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Access is denied; the text tells what to grant.
    #[error("{0}")]
    Denied(Refusal),
    /// The warehouse refuses the call for another reason, which the text tells.
    #[error("{0}")]
    Refused(Refusal),
    /// The project, dataset, database or folder does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The warehouse is down, slow or over its limit; the same call may succeed later.
    #[error("{detail}")]
    Unavailable {
        detail: String,
        #[source]
        source: anyhow::Error,
    },
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl SourceError {
    /// The remedy, if one is known.
    pub fn remedy(&self) -> Option<&Remedy> {
        match self {
            Self::Denied(refusal) | Self::Refused(refusal) => refusal.remedy.as_ref(),
            Self::NotFound(_) | Self::Unavailable { .. } | Self::Other(_) => None,
        }
    }

    /// Appends what else went wrong.
    #[must_use]
    pub fn and(mut self, more: &str) -> Self {
        match &mut self {
            Self::Denied(Refusal { detail, .. })
            | Self::Refused(Refusal { detail, .. })
            | Self::NotFound(detail)
            | Self::Unavailable { detail, .. } => detail.push_str(more),
            Self::Other(_) => {}
        }
        self
    }
}
