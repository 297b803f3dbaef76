//! Why a warehouse could not be read or asked, and what an operator can do about it.

use std::fmt;

/// What a warehouse said no to: in its own words, with what helps.
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

/// What helps, where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A role on a project of Google Cloud.
    Grant {
        role: &'static str,
        project: String,
    },
    /// `NAME=value`.
    Set(&'static str),
    Run(String),
}

#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Access is refused; the text says what to grant.
    #[error("{0}")]
    Denied(Refusal),
    /// The call is refused for another reason, which the text tells.
    #[error("{0}")]
    Refused(Refusal),
    /// There is no such project, dataset, database or folder.
    #[error("{0}")]
    NotFound(String),
    /// Down, slow or over its limit; the same call may succeed later.
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
    /// What helps, where that is known.
    pub fn remedy(&self) -> Option<&Remedy> {
        match self {
            Self::Denied(refusal) | Self::Refused(refusal) => refusal.remedy.as_ref(),
            Self::NotFound(_) | Self::Unavailable { .. } | Self::Other(_) => None,
        }
    }

    /// With what else went wrong.
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
