//! Service tokens whose scopes name datasets that don't exist.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use platform::auth::{Auth, Names};
use schema::name::DATASETS;

use crate::datasets::unmatched;
use crate::view::View;

/// Reports the scopes of service tokens that match nothing, once per document that is read.
pub struct TokenScopes {
    auth: Option<Auth>,
    /// The document that was compared last. It stays allocated as long as this is known, so no other one has its address.
    compared: Mutex<Weak<View>>,
}

impl TokenScopes {
    pub fn new(auth: Option<Auth>) -> Self {
        Self {
            auth,
            compared: Mutex::default(),
        }
    }

    /// Compares in the background, so that no request waits for it.
    pub fn compare(&self, whole: &Arc<View>) {
        let Some(auth) = &self.auth else {
            return;
        };
        if !self.is_new(whole) {
            return;
        }
        let (auth, whole) = (auth.clone(), Arc::clone(whole));
        tokio::task::spawn_blocking(move || {
            for caller in auth.token_callers() {
                let Names::Only(only) = caller.scope.of(DATASETS) else {
                    continue;
                };
                for told in unmatched(only, &whole.document) {
                    let name = &caller.name;
                    tracing::warn!(
                        "AUTH_TOKENS: a name in the scope of {name:?} has no effect: {told}"
                    );
                }
            }
        });
    }

    /// Whether the document is not the one that was compared last, which it becomes.
    fn is_new(&self, whole: &Arc<View>) -> bool {
        let mut compared = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !std::ptr::eq(compared.as_ptr(), Arc::as_ptr(whole));
        if is_new {
            *compared = Arc::downgrade(whole);
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;

    #[test]
    fn service_tokens_are_compared_once_with_a_document() {
        let scopes = TokenScopes::new(None);
        let [one, two] = [(), ()].map(|()| Arc::new(View::new(builtin::document(None))));
        for (whole, is_new) in [(&one, true), (&one, false), (&two, true), (&two, false)] {
            assert_eq!(scopes.is_new(whole), is_new);
        }
    }
}
