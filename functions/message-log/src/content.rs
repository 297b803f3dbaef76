//! Reads what a message or a response says, in the vocabularies in which model providers and libraries write it.
//!
//! Content is text, or a list of parts. A part is text, an object with a `type`, or an object whose only field names
//! its kind, as Gemini and Bedrock write it. Messages contain parts: `{"role", "parts"}` and `{"role", "content"}`.
//!
//! The text of content is that of its parts, one per line, with the results of tools, the text of documents and the
//! transcripts of recordings, and without the reasoning of a model. The result of a tool that is data is its JSON. Content
//! without text is described by its parts instead, as a Slack message with only a file is:
//! `[file: plan.pdf (application/pdf)]`, `[tool_call: weather]`.

use platform::{Error, Result};
use serde_json::{Map, Value};

/// The fields that name the kind of a part without a `type`.
const KINDS: [&str; 25] = [
    "inlineData",
    "inline_data",
    "fileData",
    "file_data",
    "functionCall",
    "function_call",
    "functionResponse",
    "function_response",
    "executableCode",
    "executable_code",
    "codeExecutionResult",
    "code_execution_result",
    "toolUse",
    "tool_use",
    "toolResult",
    "tool_result",
    "reasoningContent",
    "reasoning_content",
    "image",
    "document",
    "video",
    "audio",
    "file",
    "image_url",
    "cachePoint",
];
/// The fields that contain what a tool returned, or the text of a part of an unknown type.
const INNER: [&str; 10] = [
    "content", "parts", "output", "outputs", "response", "result", "results", "value", "code",
    "logs",
];
/// The only fields of a result that say what they contain, rather than being data of the tool.
const RETURNED: [&str; 4] = ["output", "result", "content", "error"];
/// The fields of a part, or of the object under its kind, that name it.
const NAMES: [&str; 6] = [
    "title",
    "filename",
    "name",
    "displayName",
    "toolName",
    "tool_name",
];
const MEDIA_TYPES: [&str; 5] = ["mime_type", "mimeType", "media_type", "mediaType", "format"];
/// In characters, of a name in a description.
const MAX_NAME: usize = 200;

/// The text of a message or a response; none if it has no content. The error names the field and what it accepts.
pub fn text(name: &str, value: &Value) -> Result<Option<String>> {
    let mut read = Reading::default();
    read.content(value)
        .map_err(|Unknown| Error::Invalid(not_readable(name)))?;
    Ok(read.text())
}

/// The text of content that was checked; the text of what can be read of it if it was not.
pub fn readable_text(value: &Value) -> Option<String> {
    let mut read = Reading::default();
    let _ = read.content(value);
    read.text()
}

fn not_readable(name: &str) -> String {
    format!(
        "{name} is neither text nor a list of parts: write \"..\", or [{{\"type\": \"text\", \"text\": \"..\"}}]; \
         the parts of OpenTelemetry GenAI, OpenAI, Anthropic, Gemini and Bedrock are accepted, and messages \
         with them ({{\"role\": \"user\", \"content\": [..]}})"
    )
}

/// A value that is no content of any vocabulary.
struct Unknown;

#[derive(Default)]
struct Reading {
    texts: Vec<String>,
    descriptions: Vec<String>,
}

impl Reading {
    fn text(self) -> Option<String> {
        let is_blank = self.texts.iter().all(|text| text.trim().is_empty());
        let lines = if is_blank {
            self.descriptions
        } else {
            self.texts
        };
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    fn content(&mut self, value: &Value) -> Result<(), Unknown> {
        match value {
            Value::Null => Ok(()),
            Value::String(text) => {
                self.add(text);
                Ok(())
            }
            Value::Array(parts) => parts.iter().try_for_each(|part| match part {
                Value::String(_) | Value::Object(_) => self.content(part),
                _ => Err(Unknown),
            }),
            Value::Object(object) => match object.get("type") {
                Some(Value::String(kind)) => self.part(kind, object),
                Some(Value::Null) | None if object.contains_key("role") => self.message(object),
                Some(Value::Null) | None => self.untyped(object),
                Some(_) => Err(Unknown),
            },
            Value::Bool(_) | Value::Number(_) => Err(Unknown),
        }
    }

    fn add(&mut self, text: &str) {
        if !text.is_empty() {
            self.texts.push(text.to_owned());
        }
    }

    fn describe(&mut self, kind: &str, name: Option<&str>) {
        let kind: String = kind.chars().take(MAX_NAME).collect();
        self.descriptions.push(match name {
            Some(name) => {
                let name: String = name.chars().take(MAX_NAME).collect();
                format!("[{kind}: {name}]")
            }
            None => format!("[{kind}]"),
        });
    }

    /// A message with its role: of OpenTelemetry and Gemini with `parts`, of the others with `content`.
    fn message(&mut self, message: &Map<String, Value>) -> Result<(), Unknown> {
        let fields = ["parts", "content", "refusal", "tool_calls"];
        if !fields.iter().any(|field| message.contains_key(*field)) {
            return Err(Unknown);
        }
        for field in fields {
            self.content(message.get(field).unwrap_or(&Value::Null))?;
        }
        Ok(())
    }

    fn untyped(&mut self, part: &Map<String, Value>) -> Result<(), Unknown> {
        if let Some(text) = part.get("text") {
            return self.written(text, part);
        }
        if part.contains_key("parts") {
            return self.message(part);
        }
        if let Some(data) = part.get("json") {
            self.data(data);
            return Ok(());
        }
        for kind in KINDS {
            match part.get(kind) {
                Some(Value::Object(inner)) => return self.kind(kind, inner),
                Some(_) => {
                    self.kind(kind, part)?;
                    return Ok(());
                }
                None => {}
            }
        }
        Err(Unknown)
    }

    /// A part whose `type` says what it is. Types that are newer than this list are read by their fields.
    fn part(&mut self, kind: &str, part: &Map<String, Value>) -> Result<(), Unknown> {
        match kind {
            "refusal" => {
                let refusal = part.get("refusal").or(part.get("content"));
                self.content(refusal.unwrap_or(&Value::Null))
            }
            "message" => self.message(part),
            "json" => {
                let data = part.get("json").or(part.get("value"));
                self.data(data.unwrap_or(&Value::Null));
                Ok(())
            }
            "function" => {
                let function = part.get("function").and_then(Value::as_object);
                self.kind("tool_call", function.unwrap_or(part))
            }
            _ => self.kind(kind, part),
        }
    }

    /// A part of a kind, with the fields that belong to it.
    fn kind(&mut self, kind: &str, part: &Map<String, Value>) -> Result<(), Unknown> {
        let plain = kind.to_ascii_lowercase().replace(['_', '-'], "");
        let ends = |ends: &[&str]| ends.iter().any(|end| plain.ends_with(end));
        let has = |words: &[&str]| words.iter().any(|word| plain.contains(word));
        if has(&["reasoning", "thinking"]) || plain == "summarytext" {
            self.describe("reasoning", None);
            return Ok(());
        }
        if let Some(text) = part.get("text") {
            return self.written(text, part);
        }
        // A description would stand for what the sender wrote.
        if matches!(&*plain, "text" | "inputtext" | "outputtext") {
            let text = INNER.iter().find_map(|field| part.get(*field));
            return self.content(text.ok_or(Unknown)?);
        }
        if has(&["tool", "function", "mcp"]) && ends(&["result", "response", "output"]) {
            self.result(part);
            return Ok(());
        }
        // What a provider's own tool found is in the part of the call.
        if has(&["tool", "function"]) || ends(&["call"]) {
            let before = self.texts.len();
            self.inner(part);
            if before == self.texts.len() {
                self.describe("tool_call", name_of(part));
            }
            return Ok(());
        }
        if is_file(&plain) {
            self.file(&plain, part);
            return Ok(());
        }
        if !self.inner(part) {
            self.describe(kind, name_of(part));
        }
        Ok(())
    }

    /// The text of a part. OpenAI's threads have it in an object, and Gemini marks thoughts.
    fn written(&mut self, text: &Value, part: &Map<String, Value>) -> Result<(), Unknown> {
        if part.get("thought") == Some(&Value::Bool(true)) {
            self.describe("reasoning", None);
            return Ok(());
        }
        match text {
            Value::Null => Ok(()),
            Value::String(text) => {
                self.add(text);
                Ok(())
            }
            Value::Object(object) => match object.get("value") {
                Some(Value::String(text)) => {
                    self.add(text);
                    Ok(())
                }
                _ => Err(Unknown),
            },
            _ => Err(Unknown),
        }
    }

    /// What a part contains: text, or parts. Returns whether there is any.
    fn inner(&mut self, part: &Map<String, Value>) -> bool {
        let values = INNER.iter().filter_map(|field| part.get(*field));
        values.into_iter().any(|value| self.append(value))
    }

    /// Reads a value that may be content. Returns whether it is.
    fn append(&mut self, value: &Value) -> bool {
        let mut read = Self::default();
        let is_content = value.is_string() || value.is_array() || value.is_object();
        if !is_content || read.content(value).is_err() {
            return false;
        }
        let is_any = !read.texts.is_empty() || !read.descriptions.is_empty();
        self.texts.append(&mut read.texts);
        self.descriptions.append(&mut read.descriptions);
        is_any
    }

    /// What a tool returned: text, parts, or data.
    fn result(&mut self, part: &Map<String, Value>) {
        let returned = INNER.iter().filter_map(|field| part.get(*field));
        let is_empty = |value: &Value| match value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(values) => values.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        let Some(returned) = returned.into_iter().find(|value| !is_empty(value)) else {
            self.describe("tool_result", name_of(part));
            return;
        };
        // Gemini wraps text in an object, in one of these fields.
        let wrapped = returned.as_object().filter(|object| {
            let mut names = object.keys();
            names.all(|name| RETURNED.contains(&name.as_str()))
        });
        match wrapped {
            Some(object) => object.values().for_each(|value| self.returned(value)),
            None => self.returned(returned),
        }
    }

    fn returned(&mut self, value: &Value) {
        if !self.append(value) {
            self.data(value);
        }
    }

    /// Data has no text of its own, so its JSON is what can be searched for.
    fn data(&mut self, value: &Value) {
        if !value.is_null() {
            self.add(&value.to_string());
        }
    }

    /// A file: its text if that was sent, as documents and the transcripts of recordings are, with its description.
    fn file(&mut self, kind: &str, part: &Map<String, Value>) {
        let mut read = Self::default();
        let objects = part.values().filter_map(Value::as_object);
        for object in std::iter::once(part).chain(objects) {
            for field in ["context", "transcript"] {
                if let Some(Value::String(text)) = object.get(field) {
                    read.add(text);
                }
            }
        }
        if let Some(Value::Object(source)) = part.get("source") {
            let is_text = source.get("type").is_some_and(|kind| kind == "text");
            let data = source.get("data").filter(|_| is_text);
            let texts = [source.get("text"), source.get("content"), data];
            for text in texts.into_iter().flatten() {
                read.append(text);
            }
        }
        self.describe_file(kind, part);
        if !read.texts.is_empty() {
            self.texts.extend(self.descriptions.pop());
        }
        self.texts.append(&mut read.texts);
        self.descriptions.append(&mut read.descriptions);
    }

    /// `[file: <name> (<type>)]`, as for files in Slack.
    fn describe_file(&mut self, kind: &str, part: &Map<String, Value>) {
        let source = part.values().filter_map(Value::as_object);
        let objects: Vec<&Map<String, Value>> = std::iter::once(part).chain(source).collect();
        let text = |names: &[&str]| {
            let texts = objects.iter().flat_map(|object| {
                let texts = names.iter().filter_map(|name| object.get(*name)?.as_str());
                texts.filter(|text| !text.is_empty())
            });
            texts.map(str::to_owned).next()
        };
        let kind = text(&MEDIA_TYPES).unwrap_or_else(|| {
            let words = ["image", "document", "audio", "video"];
            let word = words.into_iter().find(|word| kind.contains(word));
            word.unwrap_or_default().to_owned()
        });
        let described = match (text(&NAMES), kind.as_str()) {
            (Some(name), "") => name,
            (Some(name), kind) => format!("{name} ({kind})"),
            (None, kind) => kind.to_owned(),
        };
        let described = Some(described).filter(|it| !it.is_empty());
        self.describe("file", described.as_deref());
    }
}

fn is_file(plain: &str) -> bool {
    let words = [
        "image",
        "document",
        "file",
        "audio",
        "video",
        "media",
        "inlinedata",
    ];
    plain == "blob" || plain == "uri" || words.iter().any(|word| plain.contains(word))
}

fn name_of(part: &Map<String, Value>) -> Option<&str> {
    let own = NAMES.iter().find_map(|name| part.get(*name)?.as_str());
    let function = || part.get("function")?.get("name")?.as_str();
    own.or_else(function).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests;
