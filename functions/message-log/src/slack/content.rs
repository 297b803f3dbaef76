//! The content of a Slack message as text: from its text, blocks, attachments and files.

use std::collections::HashSet;

use platform::{Error, Result};
use serde_json::Value;

use crate::markup::{combined, link, mrkdwn, unescaped};

/// Messages from Slack have about fifteen levels at most, in a table of a forwarded message.
const MAX_DEPTH: usize = 48;
/// The most levels by which a list is indented.
const MAX_INDENT: u64 = 8;
/// The fields of blocks and their elements that contain text, in the order in which they are read. They also cover
/// kinds of blocks that are newer than this list.
const TEXT_FIELDS: [&str; 30] = [
    "pretext",
    "title",
    "subtitle",
    "label",
    "text",
    "description",
    "body",
    "details",
    "output",
    "fields",
    "columns",
    "rows",
    "cells",
    "elements",
    "items",
    "tasks",
    "blocks",
    "accessory",
    "element",
    "actions",
    "buttons",
    "alt_text",
    "caption",
    "content",
    "hint",
    "placeholder",
    "initial_value",
    "options",
    "option_groups",
    "footer",
];

/// The text of a message; empty if it has no content.
///
/// A message with only files becomes their names, and a message whose blocks have no text becomes their types.
pub(super) fn content(message: &Value) -> Result<String> {
    for name in ["blocks", "attachments", "files"] {
        if !matches!(
            message.get(name),
            None | Some(Value::Null | Value::Array(_))
        ) {
            return Err(Error::Invalid(format!(
                "`{name}` of the message is not a list"
            )));
        }
    }
    let mut lines = Lines::default();
    lines.add(&main_text(message, 0)?);
    let attachments = items(message.get("attachments"));
    for attachment in attachments.clone().filter(|it| !is_preview(it)) {
        lines.add_new(&of_attachment(attachment, 0)?);
    }
    let files = items(message.get("files"));
    let has_no_text = lines.text.is_empty();
    for file in files {
        if has_no_text {
            lines.add(&file_name(file));
        }
        lines.add_new(&file_text(file));
    }
    if lines.text.is_empty() {
        for attachment in attachments {
            lines.add_new(&of_attachment(attachment, 0)?);
        }
    }
    if lines.text.is_empty() {
        let kinds = items(message.get("blocks")).filter_map(|block| string(block, "type"));
        let kinds: Vec<&str> = kinds.take(50).collect();
        if !kinds.is_empty() {
            lines.add(&format!("[blocks: {}]", kinds.join(", ")));
        } else if items(message.get("attachments")).next().is_some() {
            lines.add("[attachment]");
        }
    }
    Ok(lines.text)
}

#[derive(Default)]
struct Lines {
    text: String,
    known: HashSet<String>,
}

impl Lines {
    fn add(&mut self, line: &str) {
        let line = line.trim_matches('\n');
        if line.trim().is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(line);
        self.known
            .extend(line.lines().map(|line| line.trim().to_owned()));
    }

    /// Adds only new lines.
    fn add_new(&mut self, text: &str) {
        let is_new = |line: &&str| !self.known.contains(line.trim());
        let new: Vec<&str> = text.lines().filter(is_new).collect();
        self.add(&new.join("\n"));
    }
}

fn string<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str().filter(|text| !text.is_empty())
}

fn items(value: Option<&Value>) -> std::slice::Iter<'_, Value> {
    let items = value.and_then(Value::as_array).map(Vec::as_slice);
    items.unwrap_or_default().iter()
}

/// Whether an attachment is Slack's preview of a linked page. A forwarded message is not a preview.
fn is_preview(attachment: &Value) -> bool {
    let is_true = |name: &str| attachment.get(name) == Some(&Value::Bool(true));
    let has = |name: &str| string(attachment, name).is_some();
    !is_true("is_share")
        && (has("from_url")
            || has("original_url")
            || is_true("is_msg_unfurl")
            || is_true("is_app_unfurl"))
}

fn main_text(message: &Value, depth: usize) -> Result<String> {
    let text = mrkdwn(string(message, "text").unwrap_or_default());
    let blocks = of_block(message.get("blocks").unwrap_or(&Value::Null), depth + 1)?;
    Ok(combined(&text, &blocks))
}

fn of_attachment(attachment: &Value, depth: usize) -> Result<String> {
    check(depth)?;
    let mut lines = Lines::default();
    let text_of = |name| mrkdwn(string(attachment, name).unwrap_or_default());
    lines.add(&text_of("pretext"));
    let title = text_of("title");
    match string(attachment, "title_link") {
        Some(url) if !title.trim().is_empty() => lines.add(&link(&unescaped(url), &title)),
        _ => lines.add(&title),
    }
    // The blocks of a forwarded message, from which Slack makes its text.
    let mut forwarded = Lines::default();
    for message in items(attachment.get("message_blocks")) {
        let message = message.get("message").unwrap_or(message);
        let blocks = message.get("blocks").unwrap_or(&Value::Null);
        forwarded.add(&of_block(blocks, depth + 1)?);
    }
    lines.add_new(&combined(&main_text(attachment, depth)?, &forwarded.text));
    for field in items(attachment.get("fields")) {
        let of_field = |name| mrkdwn(string(field, name).unwrap_or_default());
        match (of_field("title"), of_field("value")) {
            (title, value) if title.is_empty() || value.is_empty() => lines.add(&(title + &value)),
            (title, value) => lines.add(&format!("{title}: {value}")),
        }
    }
    if let Some(actions) = attachment.get("actions") {
        lines.add(&of_block(actions, depth + 1)?);
    }
    for file in items(attachment.get("files")) {
        lines.add(&file_name(file));
        lines.add_new(&file_text(file));
    }
    for inner in items(attachment.get("attachments")) {
        lines.add_new(&of_attachment(inner, depth + 1)?);
    }
    if lines.text.is_empty() {
        lines.add(&text_of("fallback"));
    }
    // A forwarded message's footer only names its channel.
    if attachment.get("is_share") != Some(&Value::Bool(true)) {
        lines.add_new(&text_of("footer"));
    }
    Ok(lines.text)
}

/// A block, an element of one, or a list of either.
fn of_block(value: &Value, depth: usize) -> Result<String> {
    check(depth)?;
    let mut lines = Lines::default();
    match value {
        Value::String(text) => lines.add(&mrkdwn(text)),
        Value::Array(values) => {
            for value in values {
                lines.add(&of_block(value, depth + 1)?);
            }
        }
        Value::Object(object) => match (string(value, "type"), object.get("text")) {
            (Some("rich_text_list"), _) => lines.add(&of_list(value, depth)?),
            // A section, a quote, or preformatted.
            (Some(kind), _) if kind.starts_with("rich_text_") => lines.add(&inline(value, depth)?),
            (Some("table"), _) => {
                for row in items(value.get("rows")) {
                    lines.add(&of_row(row, depth)?);
                }
            }
            (Some("plain_text"), Some(Value::String(text))) => lines.add(&unescaped(text)),
            (Some("raw_text" | "markdown"), Some(Value::String(text))) => lines.add(text),
            _ => {
                for name in TEXT_FIELDS {
                    if let Some(value) = object.get(name) {
                        let text = of_block(value, depth + 1)?;
                        if name != "alt_text" || lines.text.lines().all(|line| line != text) {
                            lines.add(&text);
                        }
                    }
                }
            }
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(lines.text)
}

/// The elements of one line, joined without a separator: a style may begin and end within a word.
fn inline(value: &Value, depth: usize) -> Result<String> {
    check(depth)?;
    let mut line = String::new();
    for element in items(value.get("elements")) {
        let named = |name| string(element, name);
        let shown = match named("type") {
            Some("link") => named("url").map(|url| link(url, named("text").unwrap_or_default())),
            Some("user") => named("user_id").map(|id| format!("<@{id}>")),
            Some("channel") => named("channel_id").map(|id| format!("<#{id}>")),
            Some("usergroup") => named("usergroup_id").map(|id| format!("<!subteam^{id}>")),
            Some("team") => named("team_id").map(|id| format!("<!team^{id}>")),
            Some("broadcast") => named("range").map(|range| format!("<!{range}>")),
            Some("color") => named("value").map(str::to_owned),
            Some("emoji") => named("name").map(|name| emoji(name, element)),
            Some("date") => date(element),
            _ => None,
        };
        match shown {
            Some(shown) => line.push_str(&shown),
            None if element.get("elements").is_some() => {
                line.push_str(&inline(element, depth + 1)?);
            }
            None => {
                let text = ["text", "fallback", "name", "url"]
                    .into_iter()
                    .find_map(named);
                line.push_str(text.or(element.as_str()).unwrap_or_default());
            }
        }
    }
    Ok(line)
}

fn emoji(name: &str, element: &Value) -> String {
    match element.get("skin_tone").and_then(Value::as_u64) {
        Some(tone) => format!(":{name}::skin-tone-{tone}:"),
        None => format!(":{name}:"),
    }
}

fn date(element: &Value) -> Option<String> {
    let fallback = string(element, "fallback").map(str::to_owned);
    fallback.or_else(|| {
        let seconds = element.get("timestamp")?.as_i64()?;
        Some(jiff::Timestamp::from_second(seconds).ok()?.to_string())
    })
}

fn of_list(list: &Value, depth: usize) -> Result<String> {
    let number = |name| list.get(name).and_then(Value::as_u64).unwrap_or_default();
    let indent = "  ".repeat(number("indent").min(MAX_INDENT) as usize);
    let is_ordered = string(list, "style") == Some("ordered");
    let mut lines = Lines::default();
    for (at, item) in items(list.get("elements")).enumerate() {
        let item = of_block(item, depth + 1)?;
        let number = number("offset").saturating_add(at as u64 + 1);
        let mark = if is_ordered {
            format!("{number}. ")
        } else {
            "• ".to_owned()
        };
        lines.add(&format!("{indent}{mark}{item}"));
    }
    Ok(lines.text)
}

fn of_row(row: &Value, depth: usize) -> Result<String> {
    let mut cells = Vec::new();
    for cell in items(Some(row)) {
        cells.push(of_block(cell, depth + 1)?.replace('\n', " "));
    }
    Ok(cells.join(" | "))
}

/// `[file: <title>, <name> (<type>)]`, without the parts that Slack leaves out.
fn file_name(file: &Value) -> String {
    if string(file, "mode") == Some("tombstone") {
        return "[file: deleted]".to_owned();
    }
    let (title, name) = (string(file, "title"), string(file, "name"));
    let name = name.filter(|name| title != Some(name));
    let names: Vec<&str> = title.into_iter().chain(name).collect();
    let kinds = ["pretty_type", "filetype", "mimetype"];
    let kind = kinds.into_iter().find_map(|kind| string(file, kind));
    match (names.join(", ").as_str(), kind) {
        ("", None) => "[file]".to_owned(),
        ("", Some(kind)) => format!("[file: {kind}]"),
        (names, None) => format!("[file: {}]", unescaped(names)),
        (names, Some(kind)) => format!("[file: {} ({kind})]", unescaped(names)),
    }
}

/// The content of a file, as far as Slack sends it: the start of a snippet, an e-mail, the transcript of a recording,
/// the description of an image.
fn file_text(file: &Value) -> String {
    let mut lines = Lines::default();
    if string(file, "mode") == Some("tombstone") {
        return lines.text;
    }
    let at = |part: &str| file.pointer(part).and_then(Value::as_str);
    let texts = [
        at("/initial_comment/comment"),
        string(file, "subject"),
        string(file, "plain_text").or(string(file, "preview")),
        at("/transcription/preview/content"),
        string(file, "alt_txt"),
    ];
    for text in texts.into_iter().flatten() {
        lines.add_new(&unescaped(text));
    }
    lines.text
}

fn check(depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        let detail = format!("the message is nested deeper than {MAX_DEPTH} levels");
        return Err(Error::Unprocessable(detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
