//! Whether the warehouse can be used, for `GET /readyz`.

use platform::readiness::Finding;

use crate::error::SourceError;
use crate::source::Source;

/// Probes a warehouse. The finding names no host or table; the log has the reason.
pub async fn readiness(source: &dyn Source) -> Finding {
    let Err(error) = source.probe().await else {
        return Finding::Ready;
    };
    let detail = match &error {
        SourceError::Denied(_) => {
            "the warehouse denies access: correct the login in WAREHOUSE_URL, or grant its rights"
        }
        SourceError::NotFound(_) => {
            "the dataset, database or folder does not exist: correct WAREHOUSE_URL"
        }
        SourceError::Refused(_) | SourceError::Unavailable { .. } | SourceError::Other(_) => {
            "the warehouse can't be reached: the log has the reason"
        }
    };
    Finding::lacking_because(detail, error)
}
