//! Responses that are no complete answer, in the providers' own words.

// Each argument is a `json!` in place.
#![expect(clippy::needless_pass_by_value)]

use serde_json::{Value, json};

use super::{Answer, LlmError, LlmStub, ask, blue, error, open};

/// The error of a model whose provider returns this body with status 200, and the number of requests.
async fn outcome(model: &str, body: Value) -> (LlmError, usize) {
    let stub = LlmStub::start(move |_| Answer::Body(200, body.clone())).await;
    let error = error(&open(stub.env(model).with("LLM_ATTEMPTS", "1"))).await;
    (error, stub.requests().len())
}

fn gemini(reason: &str, parts: Value) -> Value {
    json!({
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": reason}],
        "usageMetadata": {"promptTokenCount": 9, "thoughtsTokenCount": 7, "totalTokenCount": 16},
        "modelVersion": "gemini-2.5-flash",
    })
}

fn chat(message: Value, finish: &str) -> Value {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4o",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16},
    })
}

fn responses(status: &str, details: Value, output: Value) -> Value {
    json!({
        "id": "resp_1",
        "object": "response",
        "status": status,
        "error": null,
        "incomplete_details": details,
        "model": "gpt-5-pro",
        "output": output,
        "usage": {"input_tokens": 9, "output_tokens": 7, "total_tokens": 16},
    })
}

fn claude(stop: &str, content: Value) -> Value {
    json!({
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": content,
        "stop_reason": stop,
        "usage": {
            "input_tokens": 4,
            "cache_read_input_tokens": 3,
            "cache_creation_input_tokens": 2,
            "output_tokens": 7,
        },
    })
}

#[tokio::test]
async fn a_blocked_prompt_or_answer_is_a_refusal_with_the_providers_reason_and_its_usage() {
    let refusal = json!([{"type": "message", "content": [
        {"type": "refusal", "refusal": "I can't help with that."},
    ]}]);
    for (model, body, reason) in [
        (
            "gemini-2.5-flash",
            json!({
                "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
                "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9},
                "modelVersion": "gemini-2.5-flash",
            }),
            Some("PROHIBITED_CONTENT"),
        ),
        (
            "gemini-4-argon",
            json!({
                "candidates": [],
                "promptFeedback": {"blockReason": "OTHER", "safetyRatings": []},
                "usageMetadata": {"promptTokenCount": 9},
            }),
            Some("OTHER"),
        ),
        (
            "gemini-2.5-flash",
            json!({
                "candidates": [{"finishReason": "RECITATION", "index": 0}],
                "usageMetadata": {"promptTokenCount": 9},
            }),
            Some("RECITATION"),
        ),
        (
            "gemini-2.5-flash",
            gemini("SAFETY", json!([{"text": "{\"col"}])),
            Some("SAFETY"),
        ),
        ("gemini-2.5-flash", gemini("SPII", json!([])), Some("SPII")),
        (
            "gemini-2.5-flash",
            gemini("BLOCKLIST", json!([])),
            Some("BLOCKLIST"),
        ),
        (
            "gpt-4o",
            chat(
                json!({"role": "assistant", "content": null, "refusal": "I can't."}),
                "stop",
            ),
            None,
        ),
        (
            "gpt-4o",
            chat(
                json!({"role": "assistant", "content": ""}),
                "content_filter",
            ),
            Some("content_filter"),
        ),
        (
            "gpt-5-pro",
            responses("completed", Value::Null, refusal),
            None,
        ),
        (
            "gpt-5-pro",
            responses("incomplete", json!({"reason": "content_filter"}), json!([])),
            Some("content_filter"),
        ),
        (
            "claude-sonnet-4-5",
            claude(
                "refusal",
                json!([{"type": "text", "text": "{\"colour\": \"bl"}]),
            ),
            Some("refusal"),
        ),
    ] {
        let (error, requests) = outcome(model, body).await;
        let LlmError::Declined {
            reason: found,
            usage,
            ..
        } = &error
        else {
            panic!("{model} {reason:?}: {error:?}");
        };
        assert_eq!(found.as_deref(), reason, "{model}");
        assert_eq!(usage.input_tokens, 9, "{model} {reason:?}");
        assert!(
            error
                .to_string()
                .starts_with(&format!("{model} declined to answer"))
        );
        assert_eq!(requests, 1, "{model} {reason:?}");
    }
}

#[tokio::test]
async fn a_filter_that_answers_with_an_error_status_is_a_refusal_too() {
    for (model, status, body) in [
        (
            "gpt-4o",
            400,
            json!({"error": {
                "message": "The response was filtered due to the prompt triggering Azure OpenAI's \
                            content management policy.",
                "type": null,
                "param": "prompt",
                "code": "content_filter",
                "status": 400,
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }}),
        ),
        (
            "gpt-5-pro",
            400,
            json!({"error": {
                "message": "Invalid prompt: your prompt was flagged as potentially violating our \
                            usage policy.",
                "type": "invalid_request_error",
                "param": null,
                "code": "invalid_prompt",
            }}),
        ),
        (
            "claude-sonnet-4-5",
            400,
            json!({"type": "error", "error": {
                "type": "invalid_request_error",
                "message": "Output blocked by content filtering policy",
            }}),
        ),
    ] {
        let stub = LlmStub::canned([Answer::Body(status, body)]).await;
        let error = error(&stub.llm(model)).await;
        assert!(
            matches!(error, LlmError::Declined { .. }),
            "{model}: {error:?}"
        );
        assert_eq!(stub.requests().len(), 1, "{model}");
    }
}

#[tokio::test]
async fn a_prompt_that_quotes_the_words_of_a_filter_is_not_a_refusal() {
    let body = json!({"error": {
        "message": "messages.0: could not parse 'select content_filter from posts'",
        "type": "invalid_request_error",
        "param": "messages",
        "code": null,
    }});
    let stub = LlmStub::canned([Answer::Body(400, body)]).await;
    let error = error(&stub.llm("gpt-4o")).await;
    assert!(matches!(error, LlmError::Refused(_)), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_thinking_leaves_no_tokens_for_is_not_asked_again_and_names_the_remedy() {
    let thought = json!([{"type": "thinking", "thinking": "Hm.", "signature": "s"}]);
    let reasoning = json!([{"type": "reasoning", "summary": []}]);
    for (model, body, set) in [
        (
            "gemini-2.5-flash",
            gemini("MAX_TOKENS", json!([{"text": "Hm.", "thought": true}])),
            "gemini-2.5-flash-low,",
        ),
        (
            "gemini-4-argon",
            json!({
                "candidates": [{"finishReason": "MAX_TOKENS", "index": 0}],
                "usageMetadata": {"promptTokenCount": 9, "thoughtsTokenCount": 7},
            }),
            "gemini-4-argon-low,",
        ),
        (
            "gpt-5-mini",
            chat(json!({"role": "assistant", "content": ""}), "length"),
            "gpt-5-mini-low,",
        ),
        (
            "gpt-5-pro",
            responses(
                "incomplete",
                json!({"reason": "max_output_tokens"}),
                reasoning,
            ),
            "gpt-5-pro-low,",
        ),
        (
            "claude-sonnet-4-5-high",
            claude("max_tokens", thought.clone()),
            "claude-sonnet-4-5-low,",
        ),
        (
            "claude-sonnet-5-5-low",
            claude("max_tokens", thought),
            "another model",
        ),
        (
            "ollama/qwen3:8b",
            chat(
                json!({"role": "assistant", "content": "", "reasoning": "Hm."}),
                "length",
            ),
            "a model that thinks less",
        ),
    ] {
        let (error, requests) = outcome(model, body).await;
        assert!(
            matches!(error, LlmError::Exhausted { .. }),
            "{model}: {error:?}"
        );
        assert!(
            error
                .to_string()
                .contains(&format!("set LLM_MODEL to {set}")),
            "{error}"
        );
        let usage = error.usage();
        assert_eq!((usage.input_tokens, usage.output_tokens), (9, 7), "{model}");
        assert_eq!(requests, 1, "{model}");
    }
}

#[tokio::test]
async fn an_answer_without_text_is_invalid_and_names_how_it_ended() {
    for (model, body, reason) in [
        (
            "gemini-2.5-flash",
            gemini("MALFORMED_FUNCTION_CALL", json!([])),
            "MALFORMED_FUNCTION_CALL",
        ),
        (
            "gemini-2.5-flash",
            gemini("STOP", json!([{"text": "Hm.", "thought": true}])),
            "STOP",
        ),
        ("gemini-2.5-flash", gemini("OTHER", json!([])), "OTHER"),
        (
            "gpt-4o",
            chat(json!({"role": "assistant", "content": null}), "stop"),
            "stop",
        ),
        (
            "gpt-5-pro",
            responses("completed", Value::Null, json!([])),
            "completed",
        ),
        (
            "claude-sonnet-4-5",
            claude("end_turn", json!([])),
            "end_turn",
        ),
    ] {
        let (error, requests) = outcome(model, body).await;
        assert!(
            matches!(error, LlmError::InvalidAnswer { .. }),
            "{model}: {error:?}"
        );
        let expected = format!("{model} returned no answer ({reason})");
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.usage().input_tokens, 9, "{model}");
        assert_eq!(requests, 1, "{model}");
    }
}

#[tokio::test]
async fn an_error_in_a_response_with_status_200_has_the_meaning_of_its_code() {
    let failed = |code: &str| {
        let mut body = responses("failed", Value::Null, json!([]));
        body["error"] = json!({"code": code, "message": "The model failed."});
        body
    };
    let gateway =
        |code: u16| json!({"error": {"code": code, "message": "Provider returned error"}});
    let choice = json!({"choices": [{
        "message": {"role": "assistant", "content": ""},
        "finish_reason": "error",
        "error": {"code": 502, "message": "Provider returned error"},
    }]});
    for (model, body, is_later) in [
        ("gpt-5-pro", failed("server_error"), true),
        ("gpt-5-pro", failed("rate_limit_exceeded"), true),
        ("gpt-5-pro", failed("image_parse_error"), false),
        ("gpt-4o", gateway(502), true),
        ("gpt-4o", gateway(429), true),
        ("gpt-4o", gateway(400), false),
        ("gpt-4o", choice, true),
    ] {
        let answers = [Answer::Body(200, body.clone()), blue()];
        let stub = LlmStub::canned(answers).await;
        let reply = ask(&stub.llm(model)).await;
        match reply.err() {
            None => assert!(is_later, "{model} {body}"),
            Some(error) => {
                let is_final = matches!(error, LlmError::Refused(_)) && !is_later;
                assert!(is_final, "{model} {body}: {error:?}");
            }
        }
    }
}

#[tokio::test]
async fn cached_tokens_count_as_input_and_thinking_counts_as_output() {
    let text = r#"{"colour": "blue"}"#;
    let mut gemini = gemini(
        "STOP",
        json!([{"text": "Hm.", "thought": true}, {"text": text}]),
    );
    gemini["usageMetadata"] = json!({
        "promptTokenCount": 9,
        "cachedContentTokenCount": 5,
        "candidatesTokenCount": 4,
        "thoughtsTokenCount": 3,
        "totalTokenCount": 16,
    });
    let mut chat = chat(json!({"role": "assistant", "content": text}), "stop");
    chat["usage"]["prompt_tokens_details"] = json!({"cached_tokens": 5});
    chat["usage"]["completion_tokens_details"] = json!({"reasoning_tokens": 3});
    let message = json!([
        {"type": "reasoning", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]},
    ]);
    let mut responses = responses("completed", Value::Null, message);
    responses["usage"]["input_tokens_details"] = json!({"cached_tokens": 5});
    responses["usage"]["output_tokens_details"] = json!({"reasoning_tokens": 3});
    let claude = claude(
        "end_turn",
        json!([
            {"type": "thinking", "thinking": "", "signature": "s"},
            {"type": "text", "text": text},
        ]),
    );
    for (model, body) in [
        ("gemini-2.5-flash", gemini),
        ("gpt-5-mini", chat),
        ("gpt-5-pro", responses),
        ("claude-sonnet-4-5-low", claude),
    ] {
        let stub = LlmStub::canned([Answer::Body(200, body)]).await;
        let reply = ask(&stub.llm(model)).await.expect(model);
        assert_eq!(reply.json, json!({"colour": "blue"}), "{model}");
        assert_eq!(reply.usage.input_tokens, 9, "{model}");
        assert_eq!(reply.usage.output_tokens, 7, "{model}");
    }
}
