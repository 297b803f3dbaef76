//! Rows of the log, as a roll-up passes them to search and patterns.

use std::sync::LazyLock;

use jiff::Timestamp;
use platform::work::Workers;
use uuid::Uuid;

use crate::ids::{day_of, digest};

/// For reading texts and packing their n-grams. At most one roll-up runs, and an erasure may do the same work beside
/// it.
pub(crate) static WORKERS: LazyLock<Workers> = LazyLock::new(Workers::default);

/// A row of the log, with what is derived from its texts.
pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) robeing_id: String,
    pub(crate) conversation: Uuid,
    pub(crate) message: Option<String>,
    pub(crate) response: Option<String>,
    pub(crate) intent: Option<String>,
    pub(crate) confidence: Option<f64>,
    pub(crate) tokens: i64,
    pub(crate) created_at: Timestamp,
    /// What its changes will add to the counts once they are rolled up.
    pub(crate) pending: Recount,
    pub(crate) ngrams: Vec<i32>,
    pub(crate) question: Option<String>,
}

impl Row {
    /// The bytes of its texts.
    pub(crate) fn bytes(&self) -> usize {
        let texts = [&self.message, &self.response].into_iter().flatten();
        texts.map(String::len).sum()
    }
}

/// What a change of a message adds to the counts of activity.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Recount {
    pub(crate) messages: i64,
    pub(crate) responses: i64,
    pub(crate) tokens: i64,
    pub(crate) confidence: f64,
    pub(crate) confidences: i64,
}

/// A message whose text has changed or is gone.
pub(crate) struct Edited {
    pub(crate) id: Uuid,
    pub(crate) robeing_id: String,
}

/// Identifies a conversation as its placeholders are numbered: by its place alone.
pub(crate) fn numbering_of(
    robeing_id: &str,
    channel_id: Option<&str>,
    thread_ts: Option<&str>,
) -> Uuid {
    let (channel, thread) = (
        channel_id.unwrap_or_default(),
        thread_ts.unwrap_or_default(),
    );
    Uuid::from_bytes(digest(&[robeing_id, channel, thread]))
}

/// Identifies a conversation: a thread, or without one the messages of a person within a day.
pub(crate) fn conversation_of(
    robeing_id: &str,
    channel_id: Option<&str>,
    thread_ts: Option<&str>,
    user_id: Option<Uuid>,
    slack_user_id: Option<&str>,
    created_at: Timestamp,
) -> Uuid {
    let thread = match thread_ts.unwrap_or_default() {
        "" => {
            let user = user_id.map(|user| user.to_string());
            let user = user.as_deref().or(slack_user_id).unwrap_or_default();
            format!("{user} {}", day_of(created_at))
        }
        thread => thread.to_owned(),
    };
    let channel_id = channel_id.unwrap_or_default();
    Uuid::from_bytes(digest(&[robeing_id, channel_id, &thread]))
}
