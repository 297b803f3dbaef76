//! The language model, with stubs of each provider's HTTP API.

mod outcomes;
mod parameters;
mod refused_parameters;

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use kit::llm::{Answer, LlmStub, Protocol, tokens};
use platform::llm::{Llm, LlmError, Prompt, Reply};
use platform::{Env, Resources};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

/// One model per protocol, with the limit of output tokens for an answer of 500, and the temperature.
const MODELS: [(&str, &str, Protocol, u64, Option<f64>); 5] = [
    (
        "claude-sonnet-4-5",
        "/v1/messages",
        Protocol::Anthropic,
        500,
        Some(0.0),
    ),
    (
        "gpt-4o-mini",
        "/v1/chat/completions",
        Protocol::Openai,
        500,
        Some(0.0),
    ),
    (
        "gpt-5-pro",
        "/v1/responses",
        Protocol::Responses,
        24_500,
        None,
    ),
    (
        "gemini-2.5-flash",
        "/v1beta/models/gemini-2.5-flash:generateContent",
        Protocol::Gemini,
        24_500,
        Some(0.0),
    ),
    (
        "ollama/qwen3:8b",
        "/v1/chat/completions",
        Protocol::Openai,
        500,
        Some(0.0),
    ),
];

fn question() -> Prompt {
    Prompt {
        system: "You name colours.".into(),
        user: "What colour is the sky?".into(),
        name: "colour",
        schema: json!({
            "type": "object",
            "properties": {"colour": {"type": "string"}},
            "required": ["colour"],
            "additionalProperties": false,
        }),
        max_output_tokens: 500,
    }
}

fn blue() -> Answer {
    Answer::Json(json!({"colour": "blue"}))
}

fn open(env: Env) -> Llm {
    let llm = Resources::new(env).llm().expect("the variables are right");
    llm.expect("a model is named")
}

async fn ask(llm: &Llm) -> Result<Reply, LlmError> {
    llm.ask(&question()).await
}

async fn error(llm: &Llm) -> LlmError {
    ask(llm).await.err().expect("no answer")
}

#[tokio::test]
async fn each_provider_is_called_with_its_own_protocol() {
    for (model, path, wire, max_tokens, temperature) in MODELS {
        let stub = LlmStub::canned([blue()]).await;
        let reply = ask(&stub.llm(model)).await.expect(model);
        assert_eq!(reply.json, json!({"colour": "blue"}), "{model}");
        assert!(!reply.cut, "{model}");

        let asked = &stub.requests()[0];
        assert_eq!(
            (asked.protocol, asked.path.as_str()),
            (wire, path),
            "{model}"
        );
        assert_eq!(asked.model, model.replace("ollama/", ""));
        assert_eq!(asked.system, "You name colours.", "{model}");
        assert_eq!(asked.user, "What colour is the sky?", "{model}");
        assert_eq!(asked.schema, Some(question().schema), "{model}");
        assert_eq!(asked.max_tokens, Some(max_tokens), "{model}");
        assert_eq!(asked.temperature, temperature, "{model}");
        let key = (!model.starts_with("ollama/")).then_some("key");
        assert_eq!(asked.key.as_deref(), key, "{model}");

        let input = tokens(&asked.system) + tokens(&asked.user);
        assert_eq!(reply.usage.input_tokens, input, "{model}");
        assert_eq!(
            reply.usage.output_tokens,
            tokens(r#"{"colour":"blue"}"#),
            "{model}"
        );
    }
}

#[tokio::test]
async fn an_openai_compatible_server_is_configured_by_its_address() {
    let stub = LlmStub::canned([blue(), blue()]).await;
    let env = Env::default()
        .with("LLM_MODEL", "mistralai/mistral-large-max")
        .with("LLM_BASE_URL", format!("{}/api/v1", stub.url));
    ask(&open(env.clone())).await.expect("an answer");
    ask(&open(env.with("LLM_API_KEY", "own")))
        .await
        .expect("an answer");

    let asked = stub.requests();
    assert_eq!(asked[0].path, "/api/v1/chat/completions");
    assert_eq!(
        asked[0].model, "mistralai/mistral-large-max",
        "the name is sent as it is"
    );
    assert_eq!(asked[0].body.get("reasoning_effort"), None);
    assert_eq!(asked[0].key, None, "a server may need no key");
    assert_eq!(asked[1].key.as_deref(), Some("own"));
}

#[tokio::test]
async fn without_a_name_there_is_no_model() {
    for env in [Env::default(), Env::default().with("LLM_MODEL", "")] {
        assert!(Resources::new(env).llm().expect("no error").is_none());
    }
}

#[tokio::test]
async fn a_missing_key_or_an_invalid_value_is_reported_at_startup_with_what_to_set() {
    let claude = Env::default().with("LLM_MODEL", "claude-x");
    let keyed = claude.clone().with("ANTHROPIC_API_KEY", "sk-secret");
    for (env, variable) in [
        (claude, "ANTHROPIC_API_KEY"),
        (
            keyed.clone().with("LLM_TIMEOUT_SECONDS", "0"),
            "LLM_TIMEOUT_SECONDS",
        ),
        (
            keyed.clone().with("LLM_TIMEOUT_SECONDS", "soon"),
            "LLM_TIMEOUT_SECONDS",
        ),
        (keyed.clone().with("LLM_ATTEMPTS", "-1"), "LLM_ATTEMPTS"),
        (keyed.clone().with("LLM_ATTEMPTS", "0"), "LLM_ATTEMPTS"),
        (
            keyed.with("ANTHROPIC_BASE_URL", "nowhere"),
            "ANTHROPIC_BASE_URL",
        ),
        (Env::default().with("LLM_MODEL", "hal-9000"), "LLM_MODEL"),
    ] {
        let error = Resources::new(env)
            .llm()
            .err()
            .expect("refused")
            .to_string();
        assert!(error.contains(variable), "{error}");
        let says = ["set it to", "put anthropic/"];
        assert!(says.iter().any(|remedy| error.contains(remedy)), "{error}");
        assert!(!error.contains("sk-secret"), "{error}");
    }
}

#[tokio::test]
async fn a_provider_over_its_limit_or_down_is_retried_after_the_pause_it_asks_for() {
    for (model, ..) in MODELS {
        for status in [429, 500, 503, 529] {
            let busy = Answer::error(status, "overloaded_error");
            let stub = LlmStub::canned([busy.clone(), busy, blue()]).await;
            ask(&stub.llm(model)).await.expect(model);
            assert_eq!(stub.requests().len(), 3, "{model} {status}");
        }
    }
}

#[tokio::test]
async fn the_number_of_attempts_is_limited() {
    let stub = LlmStub::start(|_| Answer::error(529, "overloaded_error")).await;
    let error = error(&stub.llm("claude-x")).await;
    assert!(matches!(error, LlmError::Unavailable { .. }), "{error}");
    assert_eq!(error.to_string(), "anthropic is down or overloaded (529)");
    assert_eq!(stub.requests().len(), 3);
}

#[tokio::test]
async fn a_provider_that_asks_for_a_long_pause_is_not_retried() {
    let stub = LlmStub::start(|_| Answer::Error {
        status: 429,
        retry_after: Some("3600"),
        code: "rate_limit_error",
    })
    .await;
    let error = error(&stub.llm("claude-x")).await;
    assert!(matches!(error, LlmError::Unavailable { .. }), "{error}");
    assert_eq!(stub.requests().len(), 1);
}

#[tokio::test]
async fn the_retry_delay_in_an_error_of_gemini_is_obeyed() {
    let busy = |delay: &str| {
        let info =
            json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay});
        let error = json!({"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [info]});
        Answer::Body(429, json!({ "error": error }))
    };
    for (delay, attempts) in [("0s", 3), ("36.5s", 1)] {
        let stub = LlmStub::canned([busy(delay), busy(delay), busy(delay)]).await;
        let error = error(&stub.llm("gemini-2.5-flash")).await;
        assert!(matches!(error, LlmError::Unavailable { .. }), "{error}");
        assert_eq!(stub.requests().len(), attempts, "{delay}");
    }
}

#[tokio::test]
async fn a_spent_budget_is_not_retried() {
    let stub = LlmStub::start(|_| Answer::error(429, "insufficient_quota")).await;
    let error = error(&stub.llm("gpt-4o")).await;
    assert_eq!(error.to_string(), "openai is over its spending limit (429)");
    assert_eq!(stub.requests().len(), 1);
}

#[tokio::test]
async fn a_refused_key_is_denied_at_once_and_its_variable_is_named() {
    for (model, status, word, variable) in [
        ("claude-x", 401, "authentication_error", "ANTHROPIC_API_KEY"),
        ("gpt-4o", 401, "invalid_api_key", "OPENAI_API_KEY"),
        ("gemini-2.5-flash", 400, "API_KEY_INVALID", "GEMINI_API_KEY"),
        ("gpt-4o", 404, "model_not_found", "LLM_MODEL"),
    ] {
        let stub = LlmStub::start(move |_| Answer::error(status, word)).await;
        let error = error(&stub.llm(model)).await;
        assert!(matches!(error, LlmError::Denied(_)), "{model}: {error}");
        assert!(error.to_string().contains(variable), "{error}");
        assert_eq!(stub.requests().len(), 1, "{model}");
    }
}

#[tokio::test]
async fn a_slow_answer_is_cancelled_and_not_retried() {
    let stub = LlmStub::start(|_| Answer::NoResponse).await;
    let env = stub.env("claude-x").with("LLM_TIMEOUT_SECONDS", "0.05");
    let error = error(&open(env)).await;
    assert!(matches!(error, LlmError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("LLM_TIMEOUT_SECONDS"), "{error}");
    assert!(stub.requests().len() <= 1);
}

#[tokio::test]
async fn a_broken_connection_or_a_page_of_another_server_is_unavailable() {
    for answer in [Answer::Disconnect, Answer::Html] {
        let stub = LlmStub::canned([answer]).await;
        let error = error(&open(stub.env("gpt-4o").with("LLM_ATTEMPTS", "1"))).await;
        assert!(matches!(error, LlmError::Unavailable { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_error_of_a_connection_names_the_host_and_the_port_and_no_credentials() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let env = Env::default()
        .with("LLM_MODEL", "gpt-4o")
        .with("LLM_ATTEMPTS", "1")
        .with("OPENAI_API_KEY", "a-secret-key")
        .with(
            "OPENAI_BASE_URL",
            format!("http://user:password@{address}/v1"),
        );
    let error = error(&open(env)).await;
    let error = format!("{:#}", anyhow::Error::new(error));
    assert!(error.contains(&format!("openai at {address} ")), "{error}");
    assert!(
        !error.contains("password") && !error.contains("a-secret-key"),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_that_does_not_match_the_schema_is_an_error_with_its_usage() {
    for (model, ..) in MODELS {
        for answer in [
            Answer::Text("Blue, I think.".into()),
            Answer::Json(json!({"color": "blue"})),
            Answer::Json(json!({"colour": ["blue"]})),
            Answer::Truncated(r#"{"colour": "bl"#.into()),
        ] {
            let stub = LlmStub::canned([answer.clone()]).await;
            let error = error(&stub.llm(model)).await;
            let nonsense = matches!(error, LlmError::InvalidAnswer { .. });
            assert!(nonsense, "{model} {answer:?}: {error}");
            assert!(error.usage().input_tokens > 0, "{model}");
            assert!(error.usage().output_tokens > 0, "{model}");
            assert_eq!(stub.requests().len(), 1, "it is not asked again");
        }
    }
}

#[tokio::test]
async fn a_model_that_declines_and_a_provider_that_refuses_are_different_errors() {
    for (model, ..) in MODELS {
        let stub = LlmStub::canned([Answer::Refusal]).await;
        let error = error(&stub.llm(model)).await;
        assert!(
            matches!(error, LlmError::Declined { .. }),
            "{model}: {error}"
        );
        for (status, word) in [(400, "context_length_exceeded"), (413, "request_too_large")] {
            let stub = LlmStub::canned([Answer::error(status, word)]).await;
            let error = self::error(&stub.llm(model)).await;
            assert!(matches!(error, LlmError::Refused(_)), "{model}: {error}");
            assert!(error.to_string().contains(word), "{model}: {error}");
        }
    }
}

#[tokio::test]
async fn fences_and_greetings_around_the_answer_are_ignored() {
    for (model, ..) in MODELS {
        let text = "Sure!\n```json\n{\"colour\": \"blue\"}\n```\n";
        let stub = LlmStub::canned([Answer::Text(text.into())]).await;
        let reply = ask(&stub.llm(model)).await.expect(model);
        assert_eq!(reply.json, json!({"colour": "blue"}), "{model}");
    }
}

#[tokio::test]
async fn the_complete_part_of_a_truncated_answer_is_returned() {
    let ask = Prompt {
        schema: json!({
            "type": "object",
            "properties": {"colours": {"type": "array", "items": question().schema}},
            "required": ["colours", "note"],
        }),
        ..question()
    };
    for (model, ..) in MODELS {
        let text = r#"{"colours": [{"colour": "red"}, {"colour": "bl"#;
        let stub = LlmStub::canned([Answer::Truncated(text.into())]).await;
        let reply = stub.llm(model).ask(&ask).await.expect(model);
        assert!(reply.cut, "{model}");
        assert_eq!(
            reply.json,
            json!({"colours": [{"colour": "red"}]}),
            "{model}"
        );
    }
}

/// Collects the fields of everything that is logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut self.clone());
    }
}

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut log = self.0.lock().expect("no panic");
        log.push_str(&format!("{field}={value:?}\n"));
    }
}

#[tokio::test]
async fn neither_prompts_nor_answers_nor_keys_are_in_logs_or_errors() {
    let log = Log::default();
    let subscriber = tracing_subscriber::registry().with(log.clone());
    let _guard = tracing::subscriber::set_default(subscriber);

    let mut errors = String::new();
    for (model, ..) in MODELS {
        let stub = LlmStub::canned([
            blue(),
            Answer::Text("the sky is blue".into()),
            Answer::error(400, "What colour is the sky?"),
            Answer::error(401, "no_such_key"),
            Answer::Html,
        ])
        .await;
        let llm = open(stub.env(model).with("ANTHROPIC_API_KEY", "sk-key"));
        ask(&llm).await.expect("an answer");
        for _ in 0..4 {
            errors.push_str(&format!("{:?}\n", anyhow::Error::new(error(&llm).await)));
        }
    }
    tracing::trace!("the end of the log");

    let log = log.0.lock().expect("no panic").clone();
    assert!(
        log.contains("the end of the log"),
        "it is a log of everything"
    );
    for told in [&log, &errors] {
        for secret in ["colour", "sky", "blue", "sk-key"] {
            assert!(!told.contains(secret), "{secret:?} in {told}");
        }
    }
}
