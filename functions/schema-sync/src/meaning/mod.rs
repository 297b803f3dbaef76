//! Meaning that only people know: descriptions of tables and columns, a glossary, and metrics.
//!
//! People write it by route ([`crate::api`]), with `metasync describe`, or from a file. It is part of the
//! schema document, outranks what the warehouse, an LLM or a rule says, and survives syncs. Each entry is
//! grounded like everything else (`check`): what it names must exist when it is written, and every sync
//! checks it again ([`review`]). An entry that no longer fits is kept with its error, and not used until it
//! fits again.

mod check;
mod edit;
mod entry;
mod import;
mod index;
mod plan;
mod review;
mod verdicts;
mod version;

pub use check::{Checker, Misfit};
pub use edit::{Change, Editor, Outcome};
pub use entry::{Entry, File, FileDescription, FileMetric, FileTerm, Key, MAX_ENTRIES};
pub use import::{Imported, Refused};
pub use review::{Since, review};
pub use version::tag;
