//! Service tokens whose scopes name datasets that don't exist.

use std::sync::{Arc, Mutex, PoisonError};

use platform::auth::{Auth, Names};
use schema::name::DATASETS;

use crate::datasets::unmatched;
use crate::view::View;

/// Reports the scopes of service tokens that match nothing, once per version of the document.
pub struct TokenScopes {
    auth: Option<Auth>,
    /// The tag of the document that was compared last.
    compared: Mutex<String>,
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
        // Most requests read a document that was compared before.
        if !whole.is_first_compared() {
            return;
        }
        let tag = whole.tag();
        {
            let mut compared = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
            if *compared == tag {
                return;
            }
            *compared = tag;
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
}
