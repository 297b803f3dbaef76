//! What is wrong with a query or a description.

use std::fmt;

use platform::excerpt::cut;

/// The longest list of reasons, in characters.
const MAX_REASONS: usize = 2_000;

/// One thing that is wrong with a query or a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    /// The identifier that is wrong, if there is one.
    pub identifier: String,
    /// Why it is wrong and, if known, what to write instead.
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
/// What kind of fault it is.
pub enum FaultKind {
    /// It can't be parsed.
    Syntax,
    /// It exceeds a limit on length or nesting.
    TooLarge,
    /// It could not be checked, by no fault of its own; the log tells why.
    Unchecked,
    /// The parser took too long.
    TimedOut,
    /// It is not a single query that only reads.
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
    /// An unknown function, or one that is not allowed.
    Function,
    /// An unknown window, unit, operator or other name, or one that needs quotes.
    Name,
    /// An unknown type.
    Type,
    /// Unsupported syntax, which is therefore not allowed.
    Unsupported,
    /// An identifier in a description that does not exist.
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

/// Whether the faults say too little to change a verdict on the same text: it could not be checked, or not in time. A
/// busy machine may be the cause.
pub fn is_inconclusive(faults: &[Fault]) -> bool {
    let kinds = [FaultKind::Unchecked, FaultKind::TimedOut];
    faults.iter().any(|fault| kinds.contains(&fault.kind))
}

/// The reasons of all faults in one text, cut after 2,000 characters.
pub fn reasons(faults: &[Fault]) -> String {
    let reasons: Vec<String> = faults.iter().map(ToString::to_string).collect();
    cut(&reasons.join("; "), MAX_REASONS)
}
