//! Parameters that a provider refuses although its model should accept them, and errors about the others.

use platform::Env;
use serde_json::{Value, json};

use super::{Answer, LlmError, LlmStub, ask, blue, error, open, question};

#[tokio::test]
async fn a_model_that_refuses_a_temperature_does_not_get_it_again() {
    let stub = LlmStub::start(|asked| match asked.temperature {
        Some(_) => Answer::error(400, "temperature_unsupported"),
        None => blue(),
    })
    .await;
    let llm = stub.llm("claude-sonnet-4-5");
    for _ in 0..2 {
        ask(&llm).await.expect("an answer");
    }
    let temperatures: Vec<_> = stub
        .requests()
        .iter()
        .map(|asked| asked.temperature)
        .collect();
    assert_eq!(temperatures, [Some(0.0), None, None]);
}

#[tokio::test]
async fn a_server_without_structured_output_gets_the_schema_in_the_prompt() {
    let stub = LlmStub::start(|asked| match &asked.schema {
        Some(_) => Answer::error(400, "response_format_unsupported"),
        None => blue(),
    })
    .await;
    let llm = open(
        Env::default()
            .with("LLM_MODEL", "small")
            .with("LLM_BASE_URL", format!("{}/v1", stub.url)),
    );
    for _ in 0..2 {
        let reply = ask(&llm).await.expect("an answer");
        assert_eq!(reply.json, json!({"colour": "blue"}));
    }
    let asked = stub.requests();
    assert_eq!(asked.len(), 3, "it is learned once");
    let told: Value =
        serde_json::from_str(asked[2].system.lines().last().expect("a line")).expect("the schema");
    assert_eq!(told, question().schema);
}

#[tokio::test]
async fn a_server_that_wants_the_other_limit_gets_it() {
    let stub = LlmStub::start(|asked| match asked.body.get("max_tokens") {
        Some(_) => Answer::Body(
            400,
            json!({"error": {
                "message": "Unsupported parameter: 'max_tokens' is not supported with this model. \
                            Use 'max_completion_tokens' instead.",
                "type": "invalid_request_error",
                "param": "max_tokens",
                "code": "unsupported_parameter",
            }}),
        ),
        None => blue(),
    })
    .await;
    let llm = open(
        Env::default()
            .with("LLM_MODEL", "my-deployment")
            .with("LLM_BASE_URL", format!("{}/openai/v1", stub.url)),
    );
    for _ in 0..2 {
        ask(&llm).await.expect("an answer");
    }
    let asked = stub.requests();
    assert_eq!(asked.len(), 3, "it is learned once");
    assert_eq!(asked[2].body["max_completion_tokens"], 500);
}

#[tokio::test]
async fn an_unknown_model_that_chat_completions_refuses_is_called_through_responses() {
    let stub = LlmStub::start(|asked| match asked.path.as_str() {
        "/v1/responses" => blue(),
        _ => Answer::Body(
            404,
            json!({"error": {
                "message": "This model is only supported in v1/responses and not in \
                            v1/chat/completions.",
                "type": "invalid_request_error",
                "param": "model",
                "code": null,
            }}),
        ),
    })
    .await;
    let llm = stub.llm("gpt-9-ultra");
    for _ in 0..2 {
        ask(&llm).await.expect("an answer");
    }
    let paths: Vec<_> = stub
        .requests()
        .into_iter()
        .map(|asked| asked.path)
        .collect();
    assert_eq!(
        paths,
        ["/v1/chat/completions", "/v1/responses", "/v1/responses"]
    );
}

#[tokio::test]
async fn an_error_about_a_parameter_names_it_and_the_model_and_the_remedy() {
    for (model, body, expected) in [
        (
            "claude-sonnet-4-5-high",
            json!({"type": "error", "error": {
                "type": "invalid_request_error",
                "message": "thinking.budget_tokens: Input should be greater than or equal to 1024",
            }}),
            "anthropic refused the parameter thinking.budget_tokens for claude-sonnet-4-5 \
             (400 invalid_request_error): set LLM_MODEL to claude-sonnet-4-5, or to a model that \
             accepts it",
        ),
        (
            "claude-opus-5-5-max",
            json!({"type": "error", "error": {
                "type": "invalid_request_error",
                "message": "This model does not support the effort parameter.",
            }}),
            "anthropic refused the parameter effort for claude-opus-5-5 (400 \
             invalid_request_error): set LLM_MODEL to claude-opus-5-5, or to a model that accepts it",
        ),
        (
            "gpt-9-low",
            json!({"error": {
                "message": "Unsupported value: 'reasoning_effort' does not support 'low' with this model.",
                "type": "invalid_request_error",
                "param": "reasoning_effort",
                "code": "unsupported_value",
            }}),
            "openai refused the parameter reasoning_effort for gpt-9 (400 unsupported_value): set \
             LLM_MODEL to gpt-9, or to a model that accepts it",
        ),
        (
            "gpt-4o",
            json!({"error": {
                "message": "max_tokens is too large: 500. This model supports at most 100 completion tokens.",
                "type": "invalid_request_error",
                "param": "max_tokens",
                "code": "invalid_value",
            }}),
            "openai refused the parameter max_tokens for gpt-4o (400 invalid_value): set LLM_MODEL \
             to a model that can return 500 tokens",
        ),
        (
            "gemini-5-flash-low",
            json!({"error": {
                "code": 400,
                "message": "Thinking level is not supported for this model.",
                "status": "INVALID_ARGUMENT",
            }}),
            "gemini refused the parameter thinking_level for gemini-5-flash (400 INVALID_ARGUMENT): \
             set LLM_MODEL to gemini-5-flash, or to a model that accepts it",
        ),
    ] {
        let stub = LlmStub::start(move |_| Answer::Body(400, body.clone())).await;
        let error = error(&stub.llm(model)).await;
        assert!(matches!(error, LlmError::Denied(_)), "{model}: {error:?}");
        assert_eq!(error.to_string(), expected);
        assert_eq!(stub.requests().len(), 1, "{model}");
    }
}

#[tokio::test]
async fn a_parameter_that_is_refused_with_and_without_it_is_an_error_that_names_it() {
    let stub = LlmStub::start(|_| {
        Answer::Body(
            400,
            json!({"type": "error", "error": {
                "type": "invalid_request_error",
                "message": "`temperature` is deprecated for this model.",
            }}),
        )
    })
    .await;
    let error = error(&stub.llm("claude-sonnet-4-5")).await;
    assert!(matches!(error, LlmError::Denied(_)), "{error:?}");
    assert!(error.to_string().contains("temperature"), "{error}");
    assert!(error.to_string().contains("set LLM_MODEL"), "{error}");
    assert_eq!(stub.requests().len(), 2);
}

#[tokio::test]
async fn a_message_that_only_quotes_the_name_of_a_parameter_teaches_nothing() {
    for (message, parameter) in [
        (
            "Could not parse the question \"which temperature was measured?\"",
            "temperature",
        ),
        (
            "The prompt `in which format: json_schema?` is invalid.",
            "json_schema",
        ),
    ] {
        let body = json!({"type": "error", "error": {
            "type": "invalid_request_error", "message": message,
        }});
        let answers = [Answer::Body(400, body), blue()];
        let stub = LlmStub::canned(answers).await;
        let llm = stub.llm("claude-sonnet-4-5");
        assert!(ask(&llm).await.is_err(), "the first answer");
        ask(&llm).await.expect("an answer");
        let asked = stub.requests();
        assert_eq!(asked.len(), 2, "{parameter}");
        assert_eq!(asked[1].temperature, Some(0.0), "{parameter}");
        assert!(asked[1].schema.is_some(), "{parameter}");
    }
}

#[tokio::test]
async fn a_parameter_that_the_body_names_is_left_out_whatever_the_message_says() {
    let stub = LlmStub::start(|asked| match asked.temperature {
        Some(_) => Answer::Body(
            400,
            json!({"error": {
                "message": "Only the default (1) is allowed.",
                "type": "invalid_request_error",
                "param": "temperature",
                "code": "invalid_value",
            }}),
        ),
        None => blue(),
    })
    .await;
    ask(&stub.llm("gpt-4o")).await.expect("an answer");
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_not_an_error_about_a_parameter() {
    for (model, body) in [
        (
            "claude-sonnet-4-5",
            json!({"type": "error", "error": {
                "type": "invalid_request_error",
                "message": "input length and `max_tokens` exceed context limit: 199000 + 4000 > 200000",
            }}),
        ),
        (
            "gpt-4o",
            json!({"error": {
                "message": "This model's maximum context length is 128000 tokens. However, your \
                            messages resulted in 150000 tokens.",
                "type": "invalid_request_error",
                "param": "messages",
                "code": "context_length_exceeded",
            }}),
        ),
        (
            "gemini-2.5-flash",
            json!({"error": {
                "code": 400,
                "message": "The input token count (1200000) exceeds the maximum number of tokens \
                            allowed (1048576).",
                "status": "INVALID_ARGUMENT",
            }}),
        ),
    ] {
        let stub = LlmStub::canned([Answer::Body(400, body)]).await;
        let error = error(&stub.llm(model)).await;
        assert!(matches!(error, LlmError::Refused(_)), "{model}: {error:?}");
        assert_eq!(stub.requests().len(), 1, "{model}");
    }
}

#[tokio::test]
async fn a_model_that_does_not_exist_is_an_error_that_names_it_and_the_variable() {
    for (model, status, body) in [
        (
            "claude-x",
            404,
            json!({"type": "error", "error": {"type": "not_found_error", "message": "model: claude-x"}}),
        ),
        (
            "gpt-9",
            403,
            json!({"error": {
                "message": "Project `proj_1` does not have access to model `gpt-9`",
                "type": "invalid_request_error",
                "param": null,
                "code": "model_not_found",
            }}),
        ),
        (
            "gpt-9",
            400,
            json!({"error": {
                "message": "invalid model ID",
                "type": "invalid_request_error",
                "param": "model",
                "code": null,
            }}),
        ),
    ] {
        let stub = LlmStub::canned([Answer::Body(status, body)]).await;
        let error = error(&stub.llm(model)).await;
        assert!(matches!(error, LlmError::Denied(_)), "{model}: {error:?}");
        assert!(error.to_string().contains(model), "{error}");
        assert!(error.to_string().contains("set LLM_MODEL"), "{error}");
    }
}
