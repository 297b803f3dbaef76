//! What is wrong with a query or a description.

use std::fmt;

use platform::excerpt::cut;

/// The longest list of reasons, in characters.
const MAX_REASONS: usize = 2_000;

/// Something that does not resolve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    /// What was written, as far as it can be named.
    pub identifier: String,
    /// Why it is wrong and, where it can be told, what to write instead.
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    /// It can't be parsed.
    Syntax,
    /// It is longer or deeper than what is looked at.
    TooLarge,
    /// It could not be looked at, by no fault of its own; somebody finds why in the log.
    Unchecked,
    /// It is not one query that only reads.
    NotReadOnly,
    Table,
    /// A shard, or a value of `_TABLE_SUFFIX`, that the family does not have.
    Shard,
    Column,
    /// A nested field that its parent does not have, or whose parent has no fields.
    Field,
    /// A field below an array, without `UNNEST`.
    Repeated,
    Ambiguous,
    /// A function that is not known, or that is not allowed.
    Function,
    /// A type, window or other name that is not known.
    Name,
    /// Something that is not understood, and so not allowed.
    Unsupported,
    /// An identifier in a description.
    Mention,
}

impl Fault {
    pub(crate) fn new(
        kind: FaultKind,
        identifier: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            identifier: identifier.into(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Whether the faults say nothing about the query, because it could not be checked.
pub fn is_unchecked(faults: &[Fault]) -> bool {
    faults
        .iter()
        .any(|fault| fault.kind == FaultKind::Unchecked)
}

/// The reasons of all faults in one text, cut after 2,000 characters.
pub fn reasons(faults: &[Fault]) -> String {
    let reasons: Vec<String> = faults.iter().map(ToString::to_string).collect();
    cut(&reasons.join("; "), MAX_REASONS)
}
