//! `Idempotency-Key` of a request that creates something.

use platform::Caller;
use sha2::{Digest as _, Sha256};

/// The digest under which what a request created is found again. A key belongs to its caller.
#[derive(Clone, Copy, Debug)]
pub struct RequestKey([u8; 32]);

impl RequestKey {
    pub fn of(caller: &Caller, key: &str) -> Self {
        let caller = caller.key();
        let mut digest = Sha256::new();
        digest.update((caller.len() as u64).to_be_bytes());
        digest.update(caller.as_bytes());
        digest.update(key);
        Self(digest.finalize().into())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use platform::auth::Role;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn callers_of_different_kinds_with_one_name_share_no_key() {
        let id = Uuid::from_u128(7);
        let name = id.to_string();
        let of = |caller: Caller| RequestKey::of(&caller, "k1").0;
        let token = |token: u128| {
            let token = Uuid::from_u128(token);
            of(Caller::of_token(
                token,
                name.as_str().into(),
                Role::Admin,
                Arc::default(),
            ))
        };
        let service = of(Caller::service(
            name.as_str().into(),
            Role::Admin,
            Arc::default(),
        ));
        let person = of(Caller::of_person(id, Role::Admin, Arc::default()));
        assert!(service != token(1) && service != person && person != token(1));
        // A token that replaces one of the same name repeats its requests.
        assert_eq!(token(1), token(2));
    }
}
