//! The size limit of a description.

use platform::excerpt::cut;

/// The longest description, in characters; also BigQuery's limit.
const MAX_DESCRIPTION: usize = 16_384;

/// A description cut to the limit of a document.
pub fn short(description: &str) -> String {
    cut(description, MAX_DESCRIPTION)
}
