//! Digests of texts and of JSON.

use std::io;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// One digest of several texts. Each is preceded by its length, so that different lists never join to the same
/// bytes.
pub fn digest(parts: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    half(hash)
}

/// The digest of values as JSON, without a copy of the JSON in memory.
#[derive(Default)]
pub struct JsonDigest {
    hash: Sha256,
    pub bytes: usize,
}

impl JsonDigest {
    pub fn add(&mut self, value: &impl Serialize) {
        serde_json::to_writer(self, value).expect("what was read from JSON can be written as JSON");
    }

    pub fn finish(self) -> Uuid {
        Uuid::from_bytes(half(self.hash))
    }
}

fn half(hash: Sha256) -> [u8; 16] {
    let hash: [u8; 32] = hash.finalize().into();
    hash[..16].try_into().expect("16 of 32 bytes")
}

impl io::Write for JsonDigest {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.hash.update(part);
        self.bytes += part.len();
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
