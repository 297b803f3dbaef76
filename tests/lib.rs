//! What the suites share.

pub mod catalogue;
