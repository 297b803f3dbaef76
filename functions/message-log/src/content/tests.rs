//! Content in each vocabulary, as the documentation of its provider writes it.

use serde_json::json;

use super::*;

#[track_caller]
fn says(value: &Value, expected: &str) {
    assert_eq!(
        text("message", value).unwrap().as_deref(),
        Some(expected),
        "{value}"
    );
}

#[test]
fn text_is_read_in_every_vocabulary() {
    for content in [
        json!("hello"),
        json!(["hello"]),
        json!([{"type": "text", "content": "hello"}]),
        json!([{"type": "text", "text": "hello"}]),
        json!({"type": "text", "text": "hello"}),
        json!([{"type": "text", "text": {"value": "hello", "annotations": []}}]),
        json!([{"type": "input_text", "text": "hello"}]),
        json!([{"type": "output_text", "text": "hello", "annotations": []}]),
        json!([{"type": "refusal", "refusal": "hello"}]),
        json!([{"text": "hello"}]),
        json!({"parts": [{"text": "hello"}]}),
        json!({"role": "model", "parts": [{"text": "hmm", "thought": true}, {"text": "hello"}]}),
        json!({"role": "user", "parts": [{"type": "text", "content": "hello"}]}),
        json!({"role": "user", "content": "hello"}),
        json!({"role": "assistant", "content": null, "refusal": "hello"}),
        json!({"role": "user", "content": [{"type": "text", "text": "hello"}]}),
        json!([{"role": "user", "content": [{"type": "input_text", "text": "hello"}]}]),
        json!([{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hello"}]}]),
        json!([{"type": "thinking", "thinking": "hmm", "signature": "s"}, {"type": "text", "text": "hello"}]),
        json!([{"type": "reasoning", "content": "hmm"}, {"type": "text", "content": "hello"}]),
        json!([{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hmm"}]}, "hello"]),
        json!([{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}, {"type": "text", "text": "hello"}]),
        json!([{"type": "tool_result", "tool_use_id": "t", "content": "hello"}]),
        json!([{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "hello"}]}]),
        json!([{"type": "tool_result", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "hello"}]}]}]),
        json!([{"type": "tool_call_response", "id": "c", "response": "hello"}]),
        json!([{"type": "function_call_output", "call_id": "c", "output": "hello"}]),
        json!([{"toolResult": {"toolUseId": "t", "content": [{"text": "hello"}]}}]),
        json!({"parts": [{"functionResponse": {"name": "greet", "response": {"output": "hello"}}}]}),
        json!({"parts": [{"functionResponse": {"name": "greet", "response": {"result": "hello"}}}]}),
        json!({"parts": [{"functionResponse": {"name": "greet", "response": {"error": "hello"}}}]}),
        json!({"parts": [{"function_response": {"name": "greet", "response": {"content": [{"type": "text", "text": "hello"}]}}}]}),
        json!([{"type": "tool-result", "toolCallId": "c", "toolName": "greet", "output": {"type": "text", "value": "hello"}}]),
        json!([{"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "hello"}]}]),
        json!([{"type": "mcp_call", "name": "greet", "arguments": "{}", "output": "hello"}]),
        json!([{"type": "file_search_call", "id": "f", "queries": ["greeting"], "results": [{"file_id": "f1", "text": "hello"}]}]),
        json!([{"type": "code_interpreter_call", "outputs": [{"type": "logs", "logs": "hello"}]}]),
        json!({"parts": [{"executableCode": {"language": "PYTHON", "code": "hello"}}]}),
        json!({"parts": [{"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "hello"}}]}),
        json!([{"type": "search_result", "source": "https://example.com", "title": "a", "content": [{"type": "text", "text": "hello"}]}]),
        json!([{"type": "paragraph_of_tomorrow", "text": "hello"}]),
        json!([{"type": "group_of_tomorrow", "content": [{"type": "text", "text": "hello"}]}]),
    ] {
        says(&content, "hello");
    }
    says(
        &json!(["a", {"type": "text", "text": "b"}, {"type": "text", "content": "c"}, {"text": "d"}]),
        "a\nb\nc\nd",
    );
}

#[test]
fn content_without_text_is_described_by_its_parts() {
    for (content, described) in [
        (
            json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]),
            "[file: image]",
        ),
        (
            json!([{"type": "input_image", "image_url": "https://example.com/a.png"}]),
            "[file: image]",
        ),
        (
            json!([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]),
            "[file: image/png]",
        ),
        (
            json!([{"type": "document", "title": "plan.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}}]),
            "[file: plan.pdf (application/pdf)]",
        ),
        (
            json!([{"type": "input_file", "filename": "plan.pdf", "file_id": "f1"}]),
            "[file: plan.pdf]",
        ),
        (
            json!([{"type": "file", "file": {"filename": "plan.pdf"}}]),
            "[file: plan.pdf]",
        ),
        (
            json!([{"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA"}]),
            "[file: image/png]",
        ),
        (
            json!({"parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}),
            "[file: image/png]",
        ),
        (
            json!({"parts": [{"inline_data": {"mime_type": "image/png", "data": "AAAA"}}]}),
            "[file: image/png]",
        ),
        (
            json!([{"image": {"format": "png", "source": {"bytes": "AAAA"}}}]),
            "[file: png]",
        ),
        (
            json!([{"type": "tool_call", "id": "1", "name": "weather", "arguments": {"city": "Seoul"}}]),
            "[tool_call: weather]",
        ),
        (
            json!([{"type": "tool_use", "id": "1", "name": "weather", "input": {"city": "Seoul"}}]),
            "[tool_call: weather]",
        ),
        (
            json!([{"type": "function_call", "name": "weather", "arguments": "{}"}]),
            "[tool_call: weather]",
        ),
        (
            json!({"parts": [{"functionCall": {"name": "weather", "args": {}}}]}),
            "[tool_call: weather]",
        ),
        (
            json!([{"toolUse": {"name": "weather", "input": {}}}]),
            "[tool_call: weather]",
        ),
        (
            json!({"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]}),
            "[tool_call: weather]",
        ),
        (
            json!({"parts": [{"functionResponse": {"name": "weather", "response": {}}}]}),
            "[tool_result: weather]",
        ),
        (
            json!([{"type": "tool_result", "content": [{"type": "image", "source": {"media_type": "image/png"}}]}]),
            "[file: image/png]",
        ),
        (
            json!([{"type": "tool_result", "tool_use_id": "t"}]),
            "[tool_result]",
        ),
        (
            json!([{"type": "thinking", "thinking": "hmm"}]),
            "[reasoning]",
        ),
        (
            json!([{"type": "redacted_thinking", "data": "x"}]),
            "[reasoning]",
        ),
        (json!([{"type": "data", "numbers": [1, 2]}]), "[data]"),
        (
            json!([{"type": "text", "text": ""}, {"type": "image", "source": {"media_type": "image/png"}}]),
            "[file: image/png]",
        ),
    ] {
        says(&content, described);
    }
}

#[test]
fn the_data_that_a_tool_returned_is_read_as_json() {
    for content in [
        json!({"parts": [{"functionResponse": {"name": "weather", "response": {"sky": "clear"}}}]}),
        json!({"parts": [{"functionResponse": {"name": "weather", "response": {"output": {"sky": "clear"}}}}]}),
        json!([{"toolResult": {"toolUseId": "t", "content": [{"json": {"sky": "clear"}}]}}]),
        json!([{"type": "tool_call_response", "id": "c", "response": {"sky": "clear"}}]),
        json!([{"type": "tool-result", "toolName": "weather", "output": {"type": "json", "value": {"sky": "clear"}}}]),
        json!([{"type": "tool-result", "toolName": "weather", "result": {"sky": "clear"}}]),
    ] {
        says(&content, r#"{"sky":"clear"}"#);
    }
}

#[test]
fn the_text_of_a_document_and_a_transcript_are_read_after_a_description() {
    for (content, read) in [
        (
            json!([{"type": "document", "title": "Rules", "context": "For guests.", "source": {"type": "text", "media_type": "text/plain", "data": "No smoking."}}]),
            "[file: Rules (text/plain)]\nFor guests.\nNo smoking.",
        ),
        (
            json!([{"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "No"}, {"type": "text", "text": "smoking."}]}}]),
            "[file: document]\nNo\nsmoking.",
        ),
        (
            json!([{"type": "document", "source": {"type": "content", "content": "No smoking."}}, {"type": "text", "text": "Is it allowed?"}]),
            "[file: document]\nNo smoking.\nIs it allowed?",
        ),
        (
            json!([{"document": {"format": "txt", "name": "rules", "source": {"text": "No smoking."}}}]),
            "[file: rules (txt)]\nNo smoking.",
        ),
        (
            json!([{"document": {"format": "txt", "name": "rules", "source": {"content": [{"text": "No smoking."}]}}}]),
            "[file: rules (txt)]\nNo smoking.",
        ),
        (
            json!([{"type": "tool_result", "content": [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "No smoking."}}]}]),
            "[file: text/plain]\nNo smoking.",
        ),
        (
            json!([{"type": "output_audio", "data": "AAAA", "transcript": "No smoking."}]),
            "[file: audio]\nNo smoking.",
        ),
    ] {
        says(&content, read);
    }
}

#[test]
fn content_that_says_nothing_is_no_content() {
    for content in [
        json!(null),
        json!(""),
        json!(" \n"),
        json!([]),
        json!([{"type": "text", "text": ""}]),
        json!([{"type": "text", "content": " "}]),
        json!([{"type": "text", "content": ""}]),
        json!({"role": "user", "content": []}),
        json!({"parts": []}),
    ] {
        assert_eq!(text("message", &content).unwrap(), None, "{content}");
    }
}

#[test]
fn an_unknown_vocabulary_is_refused_with_what_is_accepted() {
    for content in [
        json!(5),
        json!(true),
        json!({}),
        json!([5]),
        json!([null]),
        json!([[{"type": "text", "text": "secret"}]]),
        json!({"secret": "value"}),
        json!([{"content": "secret"}]),
        json!([{"type": 5, "text": "secret"}]),
        json!([{"type": "text", "text": 5}]),
        json!([{"type": "text"}]),
        json!([{"type": "output_text", "content": {"secret": "value"}}]),
        json!({"role": "user"}),
        json!({"role": "user", "content": 5}),
        json!([{"type": "text", "text": "hello"}, {"secret": "value"}]),
    ] {
        let error = text("response", &content).unwrap_err().to_string();
        assert!(
            error.starts_with("response is neither text nor a list of parts"),
            "{error}"
        );
        assert!(
            error.contains("Anthropic") && !error.contains("secret"),
            "{error}"
        );
    }
}
