//! A message as it comes in, whichever way it comes, and what has to be right about it.

use jiff::Timestamp;
use platform::auth::is_name;
use platform::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest text of a message or a response, in bytes. SQS takes 256 KiB, Slack 40,000 characters.
const LONGEST_TEXT: usize = 256 * 1024;
const LONGEST_METADATA: usize = 64 * 1024;

/// Text, or what OpenTelemetry GenAI has for it. What comes is kept as it is, so that this is no more
/// than its description.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "described, never made")]
enum Said {
    Text(String),
    Parts(Vec<Part>),
    Message(SaidBy),
    Messages(Vec<SaidBy>),
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "described, never made")]
struct SaidBy {
    role: Option<String>,
    parts: Vec<Part>,
}

/// With more fields, as its type has them.
#[derive(ToSchema)]
#[expect(dead_code, reason = "described, never made")]
struct Part {
    /// `text`, `tool_call`, ...
    #[schema(rename = "type")]
    kind: String,
    /// Of a `text`.
    content: Option<String>,
}

/// One message, one response, or both: what a person said, and what the robeing answered.
///
/// `message` and `response` are text, or what OpenTelemetry GenAI has for them: a list of parts
/// (`[{"type": "text", "content": ".."}]`), a message (`{"role", "parts"}`), or a list of messages.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// Who it is sent to, or who answers: 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub robeing_id: String,
    /// Yours: the same id stores once per robeing. A version 7 UUID is the fastest to deduplicate,
    /// since it carries its time. The row has an id of its own, which the receipt tells.
    #[schema(min_length = 1, max_length = 512)]
    pub id: Option<String>,
    /// What was said to the robeing.
    #[schema(value_type = Option<Said>)]
    pub message: Option<Value>,
    /// What the robeing said. Without a `message` it answers the last one of its thread.
    #[schema(value_type = Option<Said>)]
    pub response: Option<Value>,
    /// The message that `response` answers, where it is not the last one of the thread.
    pub reply_to: Option<Uuid>,
    #[schema(max_length = 100)]
    pub channel_id: Option<String>,
    /// `channel`, `group`, `im`, `mpim`, or what your channels are.
    #[schema(max_length = 32)]
    pub channel_type: Option<String>,
    /// The conversation within the channel.
    #[schema(max_length = 128)]
    pub thread_ts: Option<String>,
    /// Slack's own `ts` of this very message, where it was posted there: it is the same row as
    /// Slack's event of it, whichever comes first.
    #[schema(max_length = 64)]
    pub slack_ts: Option<String>,
    pub user_id: Option<Uuid>,
    #[schema(max_length = 100)]
    pub slack_user_id: Option<String>,
    /// What the person wanted, as your classifier names it.
    #[schema(max_length = 100)]
    pub intent: Option<String>,
    /// How sure it is, from 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub confidence: Option<f64>,
    /// When it was said; default: now.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// Anything else; at most 64 KiB. It is masked as well.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
}

impl NewMessage {
    /// The reason why it can't be stored says what to change, and repeats no value.
    pub fn check(&self) -> Result<()> {
        if !is_name(&self.robeing_id) {
            return Err(Error::Invalid(
                "robeing_id must have 1 to 100 characters, none of them a control character, and \
                 can't be `*`"
                    .to_owned(),
            ));
        }
        name_fits("id", self.id.as_deref(), 512)?;
        name_fits("channel_id", self.channel_id.as_deref(), 100)?;
        name_fits("channel_type", self.channel_type.as_deref(), 32)?;
        name_fits("thread_ts", self.thread_ts.as_deref(), 128)?;
        name_fits("slack_ts", self.slack_ts.as_deref(), 64)?;
        name_fits("slack_user_id", self.slack_user_id.as_deref(), 100)?;
        name_fits("intent", self.intent.as_deref(), 100)?;
        if self.id.as_deref() == Some("") {
            return Err(Error::Invalid(
                "id is empty: leave it out to have one made".to_owned(),
            ));
        }
        if self.confidence.is_some_and(|it| !(0.0..=1.0).contains(&it)) {
            return Err(Error::Invalid("confidence must be from 0 to 1".to_owned()));
        }
        let message = said("message", self.message.as_ref())?;
        let response = said("response", self.response.as_ref())?;
        if !message && !response {
            return Err(Error::Invalid(
                "there is neither a message nor a response: send one of them, or both".to_owned(),
            ));
        }
        match &self.metadata {
            None | Some(Value::Null) => {}
            Some(metadata @ Value::Object(_)) => {
                no_nul("metadata", metadata)?;
                if size(metadata) > LONGEST_METADATA {
                    return Err(Error::TooLarge("metadata is larger than 64 KiB".to_owned()));
                }
            }
            Some(_) => return Err(Error::Invalid("metadata must be an object".to_owned())),
        }
        Ok(())
    }
}

impl NewMessage {
    /// About how many bytes masking works on, keys included: each value is masked with the name that it
    /// has.
    pub fn work(&self) -> usize {
        let values = [&self.message, &self.response, &self.metadata];
        let values: usize = values.into_iter().flatten().map(work).sum();
        let names = [&self.id, &self.intent].into_iter().flatten();
        values + names.map(String::len).sum::<usize>()
    }
}

/// About how many bytes masking a value works on.
pub fn work(value: &Value) -> usize {
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

fn name_fits(name: &str, text: Option<&str>, longest: usize) -> Result<()> {
    let Some(text) = text else {
        return Ok(());
    };
    if text.chars().nth(longest).is_some() {
        return Err(Error::Invalid(format!(
            "{name} is longer than {longest} characters"
        )));
    }
    if text.contains(char::is_control) {
        return Err(Error::Invalid(format!("{name} holds a control character")));
    }
    Ok(())
}

/// Whether anything was said; an error where it has none of the shapes.
fn said(name: &str, value: Option<&Value>) -> Result<bool> {
    let Some(value) = value else {
        return Ok(false);
    };
    no_nul(name, value)?;
    if size(value) > LONGEST_TEXT {
        return Err(Error::TooLarge(format!("{name} is larger than 256 KiB")));
    }
    let is_part = |part: &Value| part.get("type").is_some_and(Value::is_string);
    let is_message = |message: &Value| {
        let parts = message.get("parts").and_then(Value::as_array);
        parts.is_some_and(|parts| parts.iter().all(is_part))
    };
    match value {
        Value::Null => Ok(false),
        Value::String(text) => Ok(!text.trim().is_empty()),
        Value::Array(items) if items.iter().all(is_part) || items.iter().all(is_message) => {
            Ok(!items.is_empty())
        }
        message if is_message(message) => Ok(true),
        _ => Err(Error::Invalid(format!(
            "{name} is no text and has no parts: write \"..\", or \
             [{{\"type\": \"text\", \"content\": \"..\"}}]"
        ))),
    }
}

fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        other => other.to_string().len(),
    }
}

fn no_nul(name: &str, value: &Value) -> Result<()> {
    fn holds(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(holds),
            Value::Object(object) => object
                .iter()
                .any(|(key, value)| key.contains('\0') || holds(value)),
            _ => false,
        }
    }
    if holds(value) {
        let detail = format!("{name} holds a NUL character, which can't be stored");
        return Err(Error::Invalid(detail));
    }
    Ok(())
}

/// What is to be read of a message in any of its shapes: the text of its text parts.
pub fn text_of(value: &Value) -> String {
    fn collect(value: &Value, texts: &mut Vec<String>) {
        match value {
            Value::String(text) => texts.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
            Value::Object(object) => {
                if let Some(parts) = object.get("parts") {
                    collect(parts, texts);
                } else if object.get("type").is_some_and(|kind| kind == "text")
                    && let Some(Value::String(text)) = object.get("content")
                {
                    texts.push(text.clone());
                }
            }
            _ => {}
        }
    }
    let mut texts = Vec::new();
    collect(value, &mut texts);
    texts.join("\n")
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
    fn every_shape_of_a_message_is_read() {
        for (value, text) in [
            (json!("hello"), "hello"),
            (json!([{"type": "text", "content": "hello"}]), "hello"),
            (
                json!({"role": "user", "parts": [{"type": "text", "content": "a"}, {"type": "text", "content": "b"}]}),
                "a\nb",
            ),
            (
                json!([{"role": "user", "parts": [{"type": "text", "content": "a"}]}]),
                "a",
            ),
            (
                json!([{"type": "tool_call", "id": "1", "name": "weather", "arguments": {"city": "Seoul"}}]),
                "",
            ),
        ] {
            message(json!({"message": value})).check().unwrap();
            assert_eq!(text_of(&value), text);
        }
    }

    #[test]
    fn what_is_wrong_is_named_without_its_value() {
        for (more, reason) in [
            (json!({}), "neither a message nor a response"),
            (json!({"message": "  "}), "neither a message nor a response"),
            (json!({"message": 5}), "message is no text"),
            (
                json!({"message": [{"content": "secret"}]}),
                "message is no text",
            ),
            (json!({"message": "a\0b"}), "NUL"),
            (json!({"message": "a", "confidence": 1.5}), "confidence"),
            (json!({"message": "a", "metadata": []}), "metadata"),
            (json!({"message": "a", "metadata": {"k": "\0"}}), "NUL"),
            (json!({"message": "a", "intent": "x".repeat(101)}), "intent"),
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
