//! A message as clients send it, and the rules that it must obey.

use jiff::Timestamp;
use platform::auth::is_name;
use platform::extract::Strict;
use platform::extract::json::is_deeper;
use platform::extract::wording::wanted;
use platform::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::content;

/// In bytes, of a message or a response. SQS accepts 256 KiB, Slack 40,000 characters.
const MAX_TEXT: usize = 256 * 1024;
const MAX_METADATA: usize = 64 * 1024;
/// In levels of lists and objects. Readers of JSON accept 128, and what is stored is read within other objects.
pub const MAX_DEPTH: usize = 100;

/// The fields of the metadata that Slack's events write.
pub const SLACK_METADATA: [&str; 7] = [
    "channel",
    "team",
    "user_team",
    "ts",
    "thread_ts",
    "bot_id",
    "files",
];

/// Text, or content in parts. Only for the API description: what arrives is kept as it is.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only the schema is used")]
enum MessageContent {
    Text(String),
    Parts(Vec<MessagePart>),
    /// A part, or a message such as `{"role": "user", "parts": [..]}` or `{"role": "user", "content": ".."}`.
    Part(Map<String, Value>),
}

/// A part in the vocabulary of OpenTelemetry GenAI, OpenAI, Anthropic, Gemini or Bedrock, a message with parts, or text.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only the schema is used")]
enum MessagePart {
    Text(String),
    Part(Map<String, Value>),
}

/// A message that a person sent to a robeing, the robeing's response, or both.
///
/// `message` and `response` are text, or content in parts, as OpenTelemetry GenAI, OpenAI, Anthropic, Gemini and Bedrock
/// write it: a list of parts (`[{"type": "text", "text": ".."}]`), a message (`{"role", "content"}`, `{"role", "parts"}`),
/// or a list of messages.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// The robeing: 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub robeing_id: String,
    /// Your id of the message. Messages of a robeing with the same id are stored once. A version 7 UUID is the
    /// fastest to deduplicate, since it carries its time. The stored row has its own id, which the receipt
    /// contains.
    #[schema(min_length = 1, max_length = 512)]
    pub id: Option<String>,
    /// What the person said to the robeing.
    #[schema(value_type = Option<MessageContent>)]
    pub message: Option<Value>,
    /// What the robeing said. Without a `message`, it answers the last message of its thread.
    #[schema(value_type = Option<MessageContent>)]
    pub response: Option<Value>,
    /// The id of the row that `response` answers, if that is not the last message of the thread. It must not be a
    /// row of another robeing.
    pub reply_to: Option<Uuid>,
    #[schema(max_length = 100)]
    pub channel_id: Option<String>,
    /// `channel`, `group`, `im`, `mpim`, or a type of your own.
    #[schema(max_length = 32)]
    pub channel_type: Option<String>,
    /// The thread within the channel.
    #[schema(max_length = 128)]
    pub thread_ts: Option<String>,
    /// Slack's `ts` of this message, if it was posted to Slack; needs `channel_id`. The message and Slack's event
    /// about it are then stored as one row, whichever arrives first.
    #[schema(max_length = 64)]
    pub slack_ts: Option<String>,
    pub user_id: Option<Uuid>,
    #[schema(max_length = 100)]
    pub slack_user_id: Option<String>,
    /// What the person wanted, as your classifier names it.
    #[schema(max_length = 100)]
    pub intent: Option<String>,
    /// The confidence of the classifier, from 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub confidence: Option<f64>,
    /// When the message was sent; default: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// Anything else, up to 64 KiB. It is masked as well.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
}

impl NewMessage {
    /// Reads a message from JSON text. The error repeats no value.
    pub fn from_json(text: &str) -> Result<Self> {
        let mut json = serde_json::Deserializer::from_str(text);
        let message = Self::deserialize(Strict(&mut json));
        let message = message.and_then(|message| json.end().map(|()| message));
        message.map_err(|error| unreadable(&error))
    }

    /// Reads a message from JSON. The error repeats no value.
    pub fn from_value(value: Value) -> Result<Self> {
        Self::deserialize(Strict(value)).map_err(|error| unreadable(&error))
    }

    /// Whether it can be stored. The error says what to change, and repeats no value.
    pub fn check(&self) -> Result<()> {
        if !is_name(&self.robeing_id) {
            return Err(Error::Invalid(
                "robeing_id must have 1 to 100 characters, must not contain control characters, and \
                 must not be `*`"
                    .to_owned(),
            ));
        }
        check_text("id", self.id.as_deref(), 512)?;
        check_text("channel_id", self.channel_id.as_deref(), 100)?;
        check_text("channel_type", self.channel_type.as_deref(), 32)?;
        check_text("thread_ts", self.thread_ts.as_deref(), 128)?;
        check_text("slack_ts", self.slack_ts.as_deref(), 64)?;
        check_text("slack_user_id", self.slack_user_id.as_deref(), 100)?;
        let is_no_id = |it: char| it.is_whitespace() || ":<>@|".contains(it);
        if self
            .slack_user_id
            .as_deref()
            .is_some_and(|it| it.contains(is_no_id))
        {
            // No request could name its person.
            return Err(Error::Invalid(
                "slack_user_id must be Slack's id alone, such as `U0123ABCD`, without a team or a mention".to_owned(),
            ));
        }
        check_text("intent", self.intent.as_deref(), 100)?;
        if self.id.as_deref() == Some("") {
            return Err(Error::Invalid(
                "id is empty: leave it out to have one generated".to_owned(),
            ));
        }
        if self.slack_ts.is_some() && self.channel_id.is_none() {
            return Err(Error::Invalid("slack_ts needs channel_id".to_owned()));
        }
        if self.confidence.is_some_and(|it| !(0.0..=1.0).contains(&it)) {
            return Err(Error::Invalid("confidence must be from 0 to 1".to_owned()));
        }
        let has_message = has_content("message", self.message.as_ref())?;
        let has_response = has_content("response", self.response.as_ref())?;
        if !has_message && !has_response {
            return Err(Error::Invalid(
                "message and response are both empty: send at least one of them".to_owned(),
            ));
        }
        match &self.metadata {
            None | Some(Value::Null) => {}
            Some(metadata @ Value::Object(_)) => {
                check_depth("metadata", metadata)?;
                check_nul("metadata", metadata)?;
                if size(metadata) > MAX_METADATA {
                    return Err(Error::TooLarge("metadata is larger than 64 KiB".to_owned()));
                }
            }
            Some(_) => return Err(Error::Invalid("metadata must be an object".to_owned())),
        }
        Ok(())
    }

    /// The approximate number of bytes that masking has to read.
    pub fn masking_bytes(&self) -> usize {
        let values = [&self.message, &self.response, &self.metadata];
        let values: usize = values.into_iter().flatten().map(masking_bytes).sum();
        let names = [&self.id, &self.intent].into_iter().flatten();
        values + names.map(String::len).sum::<usize>()
    }
}

/// The field, and what was expected. serde's own text may repeat a value, which may be personal data.
fn unreadable(error: &serde_json::Error) -> Error {
    let text = error.to_string();
    let quoted = text.split('`').nth(1).unwrap_or_default();
    Error::Invalid(if text.starts_with("missing field") {
        format!("{quoted} is missing")
    } else if text.starts_with("unknown field") {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        if quoted.len() <= 32 && quoted.bytes().all(is_name) {
            format!("unknown field {quoted}")
        } else {
            "unknown field".to_owned()
        }
    } else {
        let expected = text.rsplit("expected ").next().unwrap_or_default();
        let expected = expected.split(" at line").next().unwrap_or_default();
        format!(
            "a field has the wrong type: it must be {}",
            wanted(expected)
        )
    })
}

/// The approximate number of bytes of a value that masking has to read. Each value is masked together with its
/// key.
pub fn masking_bytes(value: &Value) -> usize {
    fn under(key: usize, value: &Value) -> usize {
        match value {
            Value::Null | Value::Bool(_) => 1,
            Value::Number(_) => key + 8,
            Value::String(text) => key + text.len(),
            Value::Array(items) => items.iter().map(|item| under(key, item)).sum(),
            Value::Object(object) => object
                .iter()
                .map(|(key, value)| key.len() + under(key.len().min(masking::KEY), value))
                .sum(),
        }
    }
    under(0, value)
}

fn check_text(name: &str, text: Option<&str>, max_length: usize) -> Result<()> {
    let Some(text) = text else {
        return Ok(());
    };
    if text.chars().nth(max_length).is_some() {
        return Err(Error::Invalid(format!(
            "{name} is longer than {max_length} characters"
        )));
    }
    if text.contains(char::is_control) {
        return Err(Error::Invalid(format!(
            "{name} contains a control character"
        )));
    }
    Ok(())
}

/// Whether there is any content; an error if it is in no accepted vocabulary.
fn has_content(name: &str, value: Option<&Value>) -> Result<bool> {
    let Some(value) = value else {
        return Ok(false);
    };
    check_depth(name, value)?;
    check_nul(name, value)?;
    if size(value) > MAX_TEXT {
        return Err(Error::TooLarge(format!("{name} is larger than 256 KiB")));
    }
    Ok(content::text(name, value)?.is_some())
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        other => other.to_string().len(),
    }
}

fn check_depth(name: &str, value: &Value) -> Result<()> {
    if is_deeper(value, MAX_DEPTH) {
        let detail = format!("{name} is nested deeper than {MAX_DEPTH} levels: send flatter JSON");
        return Err(Error::Invalid(detail));
    }
    Ok(())
}

fn check_nul(name: &str, value: &Value) -> Result<()> {
    fn has_nul(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(has_nul),
            Value::Object(object) => object
                .iter()
                .any(|(key, value)| key.contains('\0') || has_nul(value)),
            _ => false,
        }
    }
    if has_nul(value) {
        let detail = format!("{name} contains a NUL character, which can't be stored");
        return Err(Error::Invalid(detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(mut fields: Value) -> NewMessage {
        if fields.get("robeing_id").is_none() {
            fields["robeing_id"] = json!("r1");
        }
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn an_error_names_the_field_and_never_its_value() {
        for (more, reason) in [
            (json!({}), "both empty"),
            (json!({"message": "  "}), "both empty"),
            (json!({"message": 5}), "message is neither text"),
            (
                json!({"message": [{"type": "text", "text": ""}]}),
                "both empty",
            ),
            (
                json!({"message": [{"content": "secret"}]}),
                "message is neither text",
            ),
            (json!({"message": "a\0b"}), "NUL"),
            (json!({"message": "a", "confidence": 1.5}), "confidence"),
            (json!({"message": "a", "metadata": []}), "metadata"),
            (json!({"message": "a", "metadata": {"k": "\0"}}), "NUL"),
            (json!({"message": "a", "intent": "x".repeat(101)}), "intent"),
            (
                json!({"message": "a", "slack_user_id": "T1:secret"}),
                "slack_user_id must be Slack's id alone",
            ),
            (
                json!({"message": "a", "slack_user_id": "<@secret>"}),
                "slack_user_id must be Slack's id alone",
            ),
            (json!({"message": "a", "robeing_id": ""}), "robeing_id"),
            (json!({"message": "a", "robeing_id": "a\nb"}), "robeing_id"),
            (json!({"message": "a", "robeing_id": "*"}), "robeing_id"),
            (
                json!({"message": "a", "robeing_id": "r".repeat(101)}),
                "robeing_id",
            ),
            (json!({"message": "a", "id": ""}), "id is empty"),
        ] {
            let error = message(more).check().unwrap_err().to_string();
            assert!(
                error.contains(reason) && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
