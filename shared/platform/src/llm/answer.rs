//! Extracts JSON from a model's answer. Even if they are asked for JSON alone, models add fences, thoughts and
//! greetings, and stop in the middle if they run out of tokens.

use serde_json::Value;

/// The first JSON object in a text, and whether the object is truncated. A truncated object has only its
/// complete entries.
pub fn parse(text: &str) -> Option<(Value, bool)> {
    // A model's thoughts may contain objects too.
    let text = text
        .rsplit_once("</think>")
        .map_or(text, |(_, answer)| answer);
    for (start, _) in text.match_indices('{') {
        let text = &text[start..];
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => return Some((value, false)),
            // The rest of the text is inside the truncated object.
            Some(Err(error)) if error.is_eof() => return Some((complete_part(text)?, true)),
            _ => {}
        }
    }
    None
}

/// The object up to the last complete entry of an array, with its open brackets closed.
fn complete_part(text: &str) -> Option<Value> {
    let mut open = Vec::new();
    let mut in_string = false;
    let mut escaped = false;
    let mut complete = None;
    for (at, c) in text.char_indices() {
        if in_string {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match c {
            '"' => in_string = true,
            '{' => open.push('}'),
            '[' => open.push(']'),
            '}' | ']' => {
                open.pop();
                if open.last() == Some(&']') {
                    complete = Some((at + 1, open.clone()));
                }
            }
            _ => {}
        }
    }
    let (end, open) = complete?;
    let mut closed = text[..end].to_owned();
    closed.extend(open.iter().rev());
    serde_json::from_str(&closed).ok()
}

/// Checks a value against a schema. The error names the position and the violated rule. A truncated answer
/// may lack required fields.
pub fn matches(schema: &Value, value: &Value, is_truncated: bool) -> Result<(), String> {
    matches_at("the answer", schema, value, is_truncated)
}

fn matches_at(
    place: &str,
    schema: &Value,
    value: &Value,
    is_truncated: bool,
) -> Result<(), String> {
    if let Some(expected) = schema.get("type").and_then(Value::as_str) {
        let is_expected = match expected {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            _ => true,
        };
        if !is_expected {
            return Err(format!("{place} is not of type {expected}"));
        }
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array)
        && !choices.contains(value)
    {
        return Err(format!("{place} is not one of its choices"));
    }
    if let Value::Object(fields) = value {
        let required = schema.get("required").and_then(Value::as_array);
        let missing = required
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .find(|name| !fields.contains_key(*name));
        if let Some(name) = missing.filter(|_| !is_truncated) {
            return Err(format!("{place} has no field {name:?}"));
        }
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            for (name, schema) in properties {
                if let Some(value) = fields.get(name) {
                    matches_at(&format!("{place}.{name}"), schema, value, is_truncated)?;
                }
            }
        }
    }
    if let (Value::Array(items), Some(schema)) = (value, schema.get("items")) {
        for item in items {
            matches_at(&format!("{place}[]"), schema, item, is_truncated)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_found_between_other_text() {
        for text in [
            r#"{"a": [1]}"#,
            "```json\n{\"a\": [1]}\n```",
            "Here you are:\n\n{\"a\": [1]}\n\nAnything else?",
            "<think>{\"a\": [2]} or so</think>\n{\"a\": [1]}",
            "The set {x} is:\n{\"a\": [1]}",
        ] {
            assert_eq!(parse(text), Some((json!({"a": [1]}), false)), "{text}");
        }
    }

    #[test]
    fn the_complete_part_of_a_truncated_object_is_kept() {
        let whole = r#"{"a": [{"x": "} ]"}, {"x": "\"2"}], "b": [{"y": 1}]}"#;
        let (first, both) = (json!([{"x": "} ]"}]), json!([{"x": "} ]"}, {"x": "\"2"}]));
        for (end, kept) in [
            (21, json!({"a": first})),
            (32, json!({"a": first})),
            (36, json!({"a": both})),
            (whole.len() - 1, json!({"a": both, "b": [{"y": 1}]})),
        ] {
            assert_eq!(
                parse(&whole[..end]),
                Some((kept, true)),
                "{}",
                &whole[..end]
            );
        }
    }

    #[test]
    fn a_text_without_an_object_is_no_answer() {
        for text in [
            "",
            "I can't help with that.",
            "[1, 2]",
            "{",
            "{\"a\": \"b",
            "{x}",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_mismatch_names_the_position() {
        let schema = json!({
            "type": "object",
            "properties": {"rows": {"type": "array", "items": {
                "type": "object",
                "properties": {"kind": {"type": "string", "enum": ["x", "y"]}},
                "required": ["kind"],
            }}},
            "required": ["rows"],
        });
        let mismatch = |value: Value, cut| matches(&schema, &value, cut).err();
        assert_eq!(
            mismatch(json!({"rows": [{"kind": "x"}], "more": 1}), false),
            None
        );
        for (value, place) in [
            (json!([]), "the answer is not of type object"),
            (json!({}), "the answer has no field \"rows\""),
            (json!({"rows": 1}), "the answer.rows is not of type array"),
            (
                json!({"rows": [{}]}),
                "the answer.rows[] has no field \"kind\"",
            ),
            (
                json!({"rows": [{"kind": 1}]}),
                "the answer.rows[].kind is not of type string",
            ),
            (
                json!({"rows": [{"kind": "z"}]}),
                "the answer.rows[].kind is not one of its choices",
            ),
        ] {
            assert_eq!(mismatch(value, false).as_deref(), Some(place));
        }
        assert_eq!(
            mismatch(json!({}), true),
            None,
            "a truncated answer may lack fields"
        );
    }
}
