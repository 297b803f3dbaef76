//! State from one sync to the next, which no reader needs. Without it, the LLM is asked again, and generated
//! examples that people removed return.

use std::collections::BTreeMap;

use bytes::Bytes;
use platform::store::{Put, Store, StoreError};
use schema::document::Problem;
use serde::{Deserialize, Serialize};

use crate::enrich::Memory;

const STATE: &str = "schema/state.json";
/// How many idempotency keys are kept. The oldest are removed first.
const REMEMBERED_KEYS: usize = 1_000;
/// How many removed generated examples are kept.
const DISMISSED: usize = 10_000;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// What the LLM was asked and did not answer.
    pub llm: Memory,
    /// Hashes of the idempotency keys of added examples, each with the hash of what it added.
    pub idempotency: BTreeMap<String, Addition>,
    /// The content of generated examples that people removed or changed, with the time. They are not generated
    /// again.
    pub dismissed: BTreeMap<String, jiff::Timestamp>,
    /// Why the stored state could not be parsed.
    #[serde(skip)]
    pub damage: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addition {
    pub content: String,
    pub at: jiff::Timestamp,
    /// The id of the example. Older versions of the program don't store it.
    #[serde(default)]
    pub id: Option<String>,
}

impl State {
    /// The problem to report if the state was damaged.
    pub fn lost(&self) -> Option<Problem> {
        let damage = self.damage.as_ref()?;
        Some(Problem::general(
            "state",
            format!(
                "{STATE} was damaged ({damage}) and starts over: the LLM is asked again about what \
                 it did not answer, Idempotency-Keys of examples are forgotten, and generated \
                 examples that people removed may return"
            ),
        ))
    }

    /// Remembers that people don't want a generated example, and forgets the oldest if there are too many.
    pub fn dismiss(&mut self, content_id: String, at: jiff::Timestamp) {
        self.dismissed.insert(content_id, at);
        while self.dismissed.len() > DISMISSED {
            let oldest = self.dismissed.iter().min_by_key(|(_, at)| **at);
            let Some(oldest) = oldest.map(|(id, _)| id.clone()) else {
                break;
            };
            self.dismissed.remove(&oldest);
        }
    }

    /// Remembers what a key added, and forgets the oldest if there are too many.
    pub fn remember(&mut self, key: String, addition: Addition) {
        self.idempotency.insert(key, addition);
        while self.idempotency.len() > REMEMBERED_KEYS {
            let oldest = self
                .idempotency
                .iter()
                .min_by_key(|(_, addition)| addition.at);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                break;
            };
            self.idempotency.remove(&oldest);
        }
    }
}

/// Loads the state. A damaged one counts as empty.
pub async fn load(store: &dyn Store) -> Result<State, StoreError> {
    load_tagged(store).await.map(|(state, _)| state)
}

async fn load_tagged(store: &dyn Store) -> Result<(State, Put), StoreError> {
    match store.get(STATE).await {
        Ok(object) => {
            let state = serde_json::from_slice(&object.body).unwrap_or_else(|error| {
                tracing::error!(%error, "{STATE} is damaged and starts over");
                State {
                    damage: Some(error.to_string()),
                    ..State::default()
                }
            });
            Ok((state, Put::IfMatch(object.etag)))
        }
        Err(StoreError::NotFound(_)) => Ok((State::default(), Put::IfAbsent)),
        Err(error) => Err(error),
    }
}

/// Changes the state, and retries if another writer interferes. Writes nothing if nothing changed.
pub async fn update(
    store: &dyn Store,
    mut change: impl FnMut(&mut State) + Send,
) -> Result<(), StoreError> {
    loop {
        let (before, condition) = load_tagged(store).await?;
        let mut state = before.clone();
        change(&mut state);
        if state == before {
            return Ok(());
        }
        let json = serde_json::to_vec(&state).expect("the state serializes to JSON");
        match store.put(STATE, Bytes::from(json), condition).await {
            Err(StoreError::Precondition(_)) => {}
            written => return written.map(drop),
        }
    }
}
