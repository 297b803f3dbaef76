//! The model's answer: the kind of the request, and the SQL, answer or reason.

use anyhow::{bail, ensure};
use platform::excerpt::cut;
use platform::llm::Reply;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// The longest text of a model, in characters.
const LONGEST_TEXT: usize = 4_000;

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// A question that a query answers.
    Query,
    /// A question about the tables and columns themselves.
    SchemaQuestion,
    Chat,
    /// The data is missing, a change is requested, or no valid query was found.
    CannotAnswer,
}

/// The JSON schema of the answer. Every field is a required text, because some providers accept nothing
/// else; an empty text means that the field does not apply.
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

/// The answer of the model to a prompt.
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
    /// Parses the answer. A cut answer is an error, because half a query may be a valid but different
    /// query.
    pub fn read(reply: Reply) -> anyhow::Result<Self> {
        ensure!(!reply.cut, "the answer was cut off");
        // An error of serde would quote the value.
        let Ok(mut written) = serde_json::from_value::<Self>(reply.json) else {
            bail!("the answer's fields don't match the requested schema");
        };
        written.sql = written
            .sql
            .trim_end_matches([';', ' ', '\n', '\t', '\r'])
            .trim_start()
            .to_owned();
        written.answer = cut(&written.answer, LONGEST_TEXT);
        written.reason = cut(&written.reason, LONGEST_TEXT);
        Ok(written)
    }
}
