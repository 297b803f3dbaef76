//! `Idempotency-Key` of a request that creates something.

use platform::Caller;
use sha2::{Digest as _, Sha256};

/// The digest under which what a request created is found again. A key belongs to its caller.
#[derive(Clone, Copy, Debug)]
pub struct RequestKey([u8; 32]);

impl RequestKey {
    pub fn of(caller: &Caller, key: &str) -> Self {
        let mut digest = Sha256::new();
        digest.update((caller.name.len() as u64).to_be_bytes());
        digest.update(caller.name.as_bytes());
        digest.update(key);
        Self(digest.finalize().into())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
