//! The parameters of a request, by what the model accepts.

use serde_json::Value;

use super::{LlmStub, Prompt, ask, blue, open, question};
use kit::llm::LlmRequest;

/// The request that a model gets. The stub refuses a second one.
async fn sent(model: &str) -> LlmRequest {
    let stub = LlmStub::canned([blue()]).await;
    let llm = stub.llm(model);
    ask(&llm).await.expect(model);
    let mut requests = stub.requests();
    assert_eq!(requests.len(), 1, "{model}");
    requests.remove(0)
}

fn at<'a>(request: &'a LlmRequest, pointer: &str) -> Option<&'a Value> {
    request.body.pointer(pointer)
}

#[tokio::test]
async fn a_thinking_budget_leaves_the_whole_answer_under_the_output_limit() {
    for (model, budget) in [
        ("claude-sonnet-4-5-low", 4_000),
        ("claude-sonnet-4-5-medium", 8_000),
        ("claude-sonnet-4-5-high", 24_000),
        ("claude-opus-4-1-high", 24_000),
        ("claude-haiku-4-5-minimal", 1_024),
        ("claude-opus-4-20250514-max", 24_000),
        ("claude-3-7-sonnet-20250219-medium", 8_000),
    ] {
        let request = sent(model).await;
        let thinking = at(&request, "/thinking").expect(model);
        assert_eq!(thinking["type"], "enabled", "{model}");
        assert_eq!(thinking["budget_tokens"], budget, "{model}");
        assert_eq!(request.max_tokens, Some(budget + 500), "{model}");
        assert_eq!(request.temperature, None, "thinking excludes it: {model}");
        assert!(model.starts_with(&request.model), "{}", request.model);
    }
}

#[tokio::test]
async fn a_thinking_budget_shrinks_if_the_model_cannot_return_answer_and_thoughts() {
    // Opus 4.1 returns 32,000 tokens.
    for (answer, budget) in [(20_000, 12_000), (31_500, 1_024)] {
        let stub = LlmStub::canned([blue()]).await;
        let prompt = Prompt {
            max_output_tokens: answer,
            ..question()
        };
        let llm = stub.llm("claude-opus-4-1-high");
        llm.ask(&prompt).await.expect("an answer");
        let request = &stub.requests()[0];
        assert_eq!(request.max_tokens, Some(32_000));
        assert_eq!(request.body["thinking"]["budget_tokens"], budget);
    }
}

#[tokio::test]
async fn newer_claude_models_get_an_effort_and_neither_budget_nor_temperature() {
    for (model, effort, max_tokens) in [
        ("claude-opus-4-6-medium", "medium", 8_500),
        ("claude-sonnet-4-6-xhigh", "high", 24_500),
        ("claude-opus-4-8-xhigh", "xhigh", 24_500),
        ("claude-sonnet-5-5-low", "low", 4_500),
        ("claude-opus-5-5-none", "low", 4_500),
        ("claude-haiku-5-5-high", "high", 24_500),
        ("claude-sonnet-6-medium", "medium", 8_500),
    ] {
        let request = sent(model).await;
        assert_eq!(at(&request, "/output_config/effort").expect(model), effort);
        assert_eq!(at(&request, "/thinking/type").expect(model), "adaptive");
        assert_eq!(at(&request, "/thinking/budget_tokens"), None, "{model}");
        assert_eq!(request.temperature, None, "{model}");
        assert_eq!(request.max_tokens, Some(max_tokens), "{model}");
        assert_eq!(request.schema, Some(question().schema), "{model}");
    }
}

#[tokio::test]
async fn claude_models_that_think_by_default_have_room_for_it() {
    for (model, max_tokens) in [
        ("claude-opus-5-5", 24_500),
        ("claude-fable-5-1", 24_500),
        ("claude-x", 24_500),
        ("claude-opus-4-8", 500),
        ("claude-sonnet-5-none", 500),
    ] {
        let request = sent(model).await;
        assert_eq!(request.max_tokens, Some(max_tokens), "{model}");
        assert_eq!(request.temperature, None, "{model}");
        let is_disabled = at(&request, "/thinking").is_some_and(|it| it["type"] == "disabled");
        assert_eq!(is_disabled, model.ends_with("-none"), "{model}");
    }
}

#[tokio::test]
async fn a_model_of_the_responses_api_alone_is_called_through_it() {
    for (model, id, effort) in [
        ("gpt-5-pro", "gpt-5-pro", None),
        ("gpt-5-pro-low", "gpt-5-pro", Some("high")),
        ("o3-pro-medium", "o3-pro", Some("medium")),
        ("gpt-5.1-codex-max", "gpt-5.1-codex-max", None),
        (
            "gpt-5.1-codex-max-xhigh",
            "gpt-5.1-codex-max",
            Some("xhigh"),
        ),
        ("codex-mini-latest", "codex-mini-latest", None),
        // Chat Completions has no such effort.
        ("gpt-6.1-sol-max", "gpt-6.1-sol", Some("max")),
    ] {
        let request = sent(model).await;
        assert_eq!(request.path, "/v1/responses", "{model}");
        assert_eq!(request.model, id);
        assert_eq!(request.key.as_deref(), Some("key"), "{model}");
        assert_eq!(request.system, "You name colours.", "{model}");
        assert_eq!(request.user, "What colour is the sky?", "{model}");
        assert_eq!(request.schema, Some(question().schema), "{model}");
        assert_eq!(request.body["store"], false, "nothing is kept: {model}");
        assert_eq!(request.temperature, None, "{model}");
        let sent = at(&request, "/reasoning/effort").and_then(Value::as_str);
        assert_eq!(sent, effort, "{model}");
        for absent in ["/max_tokens", "/max_completion_tokens", "/reasoning_effort"] {
            assert_eq!(at(&request, absent), None, "{model}");
        }
        assert!(request.max_tokens > Some(500), "{model}");
    }
}

#[tokio::test]
async fn a_compatible_server_keeps_chat_completions() {
    for model in ["gpt-5-pro", "openai/o3-pro", "codex-mini-latest"] {
        let stub = LlmStub::canned([blue()]).await;
        let env = platform::Env::default()
            .with("LLM_MODEL", model)
            .with("LLM_BASE_URL", format!("{}/v1", stub.url));
        ask(&open(env)).await.expect(model);
        let request = &stub.requests()[0];
        assert_eq!(request.path, "/v1/chat/completions", "{model}");
        assert_eq!(request.model, model);
    }
}

#[tokio::test]
async fn openai_models_get_the_parameters_of_their_generation() {
    for (model, limit, max_tokens, temperature, effort) in [
        ("gpt-4o", "max_tokens", 500, Some(0.0), None),
        ("gpt-4.1-mini", "max_tokens", 500, Some(0.0), None),
        ("gpt-5-mini", "max_completion_tokens", 24_500, None, None),
        (
            "gpt-5-none",
            "max_completion_tokens",
            1_524,
            None,
            Some("minimal"),
        ),
        (
            "gpt-5.4-mini-none",
            "max_completion_tokens",
            500,
            None,
            Some("none"),
        ),
        (
            "gpt-6-luna-low",
            "max_completion_tokens",
            4_500,
            None,
            Some("low"),
        ),
        (
            "gpt-6-astra-none",
            "max_completion_tokens",
            4_500,
            None,
            Some("low"),
        ),
        (
            "o3-xhigh",
            "max_completion_tokens",
            24_500,
            None,
            Some("high"),
        ),
        (
            "gpt-9-medium",
            "max_completion_tokens",
            8_500,
            None,
            Some("medium"),
        ),
    ] {
        let request = sent(model).await;
        assert_eq!(request.path, "/v1/chat/completions", "{model}");
        assert_eq!(request.body[limit], max_tokens, "{model}");
        assert_eq!(request.temperature, temperature, "{model}");
        let sent = at(&request, "/reasoning_effort").and_then(Value::as_str);
        assert_eq!(sent, effort, "{model}");
        for cache in ["prompt_cache_options", "prompt_cache_retention"] {
            assert_eq!(request.body.get(cache), None, "a proxy may not know it");
        }
    }
}

#[tokio::test]
async fn gemini_models_get_the_parameters_of_their_generation() {
    for (model, thinking, max_tokens, temperature) in [
        ("gemini-2.0-flash", None, 500, Some(0.0)),
        ("gemini-2.5-flash", None, 24_500, Some(0.0)),
        (
            "gemini-2.5-flash-none",
            Some(("thinkingBudget", 0.into())),
            500,
            Some(0.0),
        ),
        (
            "gemini-2.5-pro-none",
            Some(("thinkingBudget", 128.into())),
            500,
            Some(0.0),
        ),
        (
            "gemini-2.5-pro-high",
            Some(("thinkingBudget", 24_000.into())),
            24_500,
            Some(0.0),
        ),
        ("gemini-3.8-flash", None, 24_500, None),
        (
            "gemini-3-flash-none",
            Some(("thinkingLevel", "MINIMAL".into())),
            1_524,
            None,
        ),
        (
            "gemini-4-argon-medium",
            Some(("thinkingLevel", "MEDIUM".into())),
            8_500,
            None,
        ),
        (
            "gemini-flash-latest-low",
            Some(("thinkingLevel", "LOW".into())),
            4_500,
            None,
        ),
    ] {
        let thinking: Option<(&str, Value)> = thinking;
        let request = sent(model).await;
        assert!(model.starts_with(&request.model), "{}", request.model);
        assert_eq!(request.max_tokens, Some(max_tokens), "{model}");
        assert_eq!(request.temperature, temperature, "{model}");
        assert_eq!(request.schema, Some(question().schema), "{model}");
        let sent = at(&request, "/generationConfig/thinkingConfig");
        match thinking {
            None => assert_eq!(sent, None, "{model}"),
            Some((name, value)) => assert_eq!(sent.expect(model)[name], value, "{model}"),
        }
    }
}

#[tokio::test]
async fn a_model_without_structured_output_gets_the_schema_in_the_prompt_at_once() {
    for (model, mode) in [
        ("claude-3-5-haiku-20241022", None),
        ("gpt-3.5-turbo", Some("json_object")),
        ("gemini/gemma-3-27b-it", None),
    ] {
        let request = sent(model).await;
        assert_eq!(request.schema, None, "{model}");
        let schema = request.system.lines().last().expect("a line");
        let schema: Value = serde_json::from_str(schema).expect("the schema");
        assert_eq!(schema, question().schema, "{model}");
        let sent = at(&request, "/response_format/type").and_then(Value::as_str);
        assert_eq!(sent, mode, "{model}");
    }
}
