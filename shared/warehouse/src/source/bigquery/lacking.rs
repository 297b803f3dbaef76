//! The columns of `INFORMATION_SCHEMA` that an emulator, or the account of the sync, may lack.

use std::sync::atomic::{AtomicU8, Ordering};

use super::failure::Failure;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OptionalColumn {
    PolicyTags,
    Collation,
    RoundingMode,
    Default,
    /// The queries of views.
    ViewDefinition,
}

impl OptionalColumn {
    pub(super) const ALL: [Self; 5] = [
        Self::PolicyTags,
        Self::Collation,
        Self::RoundingMode,
        Self::Default,
        Self::ViewDefinition,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PolicyTags => "policy_tags",
            Self::Collation => "collation_name",
            Self::RoundingMode => "rounding_mode",
            Self::Default => "column_default",
            Self::ViewDefinition => "view_definition",
        }
    }

    /// Whether a query failed because of it.
    pub(super) fn is_missing_by(self, failure: &Failure) -> bool {
        failure.names(self.name())
            || self == Self::ViewDefinition && failure.names("INFORMATION_SCHEMA.VIEWS")
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The columns that a warehouse was found to lack.
#[derive(Debug, Default)]
pub(super) struct Lacking(AtomicU8);

impl Lacking {
    pub(super) fn add(&self, column: OptionalColumn) {
        self.0.fetch_or(column.bit(), Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> LackingNow {
        LackingNow(self.0.load(Ordering::Relaxed))
    }
}

/// [`Lacking`] at the time of a query.
#[derive(Clone, Copy, Debug)]
pub(super) struct LackingNow(u8);

impl LackingNow {
    pub(super) fn has(self, column: OptionalColumn) -> bool {
        self.0 & column.bit() != 0
    }
}
