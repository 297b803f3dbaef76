//! The ETags of what people change.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The ETag of a value, without quotes.
pub fn tag_of(value: &impl Serialize) -> String {
    let json = serde_json::to_vec(value).expect("the value serializes to JSON");
    hex::encode(&Sha256::digest(json)[..16])
}
