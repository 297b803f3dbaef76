//! What a model answers: the kind of the request, and the SQL, answer or reason that goes with it.

use anyhow::{bail, ensure};
use platform::llm::Reply;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// In characters; longer texts of a model are cut.
const LONGEST_TEXT: usize = 4_000;

/// What a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RequestKind)]
pub enum RequestKind {
    /// One query answers it.
    Query,
    /// It asks about tables and columns themselves.
    SchemaQuestion,
    Chat,
    /// The data is not there, a change is asked for, or no query holds.
    CannotAnswer,
}

/// The form of the answer. Every field is required and a text, since not all providers take
/// anything else; an empty one does not apply.
pub fn schema() -> Value {
    let text = json!({"type": "string"});
    let kinds = ["query", "schema_question", "chat", "cannot_answer"];
    json!({
        "type": "object",
        "properties": {
            "kind": {"type": "string", "enum": kinds},
            "sql": text,
            "answer": text,
            "reason": text,
        },
        "required": ["kind", "sql", "answer", "reason"],
        "additionalProperties": false,
    })
}

#[derive(Deserialize)]
pub struct ModelAnswer {
    pub kind: RequestKind,
    #[serde(default)]
    pub sql: String,
    #[serde(default)]
    pub answer: String,
    #[serde(default)]
    pub reason: String,
}

impl ModelAnswer {
    /// An error where the answer broke off: half a query may be a query, but not the one that was
    /// meant.
    pub fn read(reply: Reply) -> anyhow::Result<Self> {
        ensure!(!reply.cut, "the answer broke off before its end");
        // What serde says of a value quotes it.
        let Ok(mut written) = serde_json::from_value::<Self>(reply.json) else {
            bail!("the answer's fields are not of its form");
        };
        written.sql = written
            .sql
            .trim_end_matches([';', ' ', '\n', '\t', '\r'])
            .trim_start()
            .to_owned();
        shorten(&mut written.answer, LONGEST_TEXT);
        shorten(&mut written.reason, LONGEST_TEXT);
        Ok(written)
    }
}

/// Cuts a text to so many characters.
pub fn shorten(text: &mut String, characters: usize) {
    if let Some((end, _)) = text.char_indices().nth(characters) {
        text.truncate(end);
        text.push('…');
    }
}
