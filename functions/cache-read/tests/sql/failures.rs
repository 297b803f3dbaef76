//! A model or warehouse that is down, slow, wrong or missing, and a stale or empty cache.

use std::sync::Mutex;
use std::time::Duration;

use cache_read::{Planner, SqlSetup};
use kit::bigquery::{Fault, Method};
use kit::llm::{Answer, LlmStub};
use platform::{Env, Resources};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::log::Log;
use super::story::{GOOD, PATH, Story, problem, query, told};
use crate::common::{Mood, Moody, level, orders, start_sql};

#[tokio::test]
async fn a_model_that_is_down_or_over_its_limit_returns_503_with_the_reason() {
    for status in [500, 503, 529, 429] {
        let down = move |_: &_| Answer::error(status, "server_error");
        let story = Story::on(LlmStub::start(down).await, None).await;
        let detail = problem(&story.ask("how many orders?").await, 503);
        assert!(detail.starts_with("the language model is down, slow or over its limit"));
    }
    let denied = |_: &_| Answer::error(401, "invalid_api_key");
    let story = Story::on(LlmStub::start(denied).await, None).await;
    let detail = problem(&story.ask("how many orders?").await, 503);
    assert!(
        detail.starts_with("the language model can't be used: openai refused the key (401"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_model_that_does_not_respond_returns_503_within_30_seconds() {
    let slow = |_: &_| Answer::Error {
        status: 429,
        retry_after: Some("19"),
        code: "rate_limit_exceeded",
    };
    for model in [
        LlmStub::start(|_| Answer::NoResponse).await,
        LlmStub::start(slow).await,
    ] {
        let story = Story::on(model, None).await;
        tokio::time::pause();
        let asked = Instant::now();
        let detail = problem(&story.ask("how many orders?").await, 503);
        assert!(detail.contains("the language model"), "{detail}");
        assert!(asked.elapsed() <= Duration::from_secs(30));
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_repair_does_not_restart_the_30_seconds() {
    let rounds = Mutex::new(0);
    let slow_in_the_second = move |_: &_| {
        let mut rounds = rounds.lock().unwrap();
        *rounds += 1;
        match *rounds {
            1 => query("select totl from `p.shop.orders`"),
            _ => Answer::NoResponse,
        }
    };
    let story = Story::on(LlmStub::start(slow_in_the_second).await, None).await;
    tokio::time::pause();
    let asked = Instant::now();
    problem(&story.ask("how many orders?").await, 503);
    assert!(asked.elapsed() <= Duration::from_secs(30));
}

#[tokio::test]
async fn an_unparseable_or_cut_answer_is_requested_again_and_then_returns_503() {
    for nonsense in [
        Answer::Text("I would love to help!".to_owned()),
        Answer::Json(json!({"kind": "poem", "sql": GOOD, "answer": "", "reason": ""})),
        Answer::Truncated(format!(r#"{{"kind": "query", "sql": "{GOOD}"#)),
    ] {
        let story = Story::with([nonsense.clone(), query(GOOD)]).await;
        assert_eq!(told(&story.ask("how many orders?").await)["sql"], GOOD);
        assert!(
            story.model.requests()[1]
                .user
                .contains("was not one whole JSON object")
        );

        let story = Story::with([nonsense.clone(), nonsense]).await;
        let detail = problem(&story.ask("how many orders?").await, 503);
        assert!(
            detail.starts_with("the language model's answer could not be parsed ("),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn a_refusal_of_the_provider_returns_503_and_is_logged_once() {
    for status in [400, 413, 422] {
        let log = Log::default();
        let _guard = log.install();
        let refused = Answer::error(status, "context_length_exceeded");
        let story = Story::with([refused]).await;
        let detail = problem(&story.ask("how many orders?").await, 503);
        assert!(detail.contains("provider refuses the request"), "{detail}");
        assert!(detail.contains("smaller token_budget"), "{detail}");
        let log = log.text();
        assert_eq!(log.matches("context_length_exceeded").count(), 1, "{log}");
        assert_eq!(story.calls(), 1);
    }
}

#[tokio::test]
async fn the_reason_of_an_unparseable_answer_is_logged() {
    let log = Log::default();
    let _guard = log.install();
    let cut = Answer::Truncated(format!(r#"{{"kind": "query", "sql": "{GOOD}"#));
    let story = Story::with([Answer::Text("I would love to help!".to_owned()), cut]).await;
    problem(&story.ask("how many orders?").await, 503);
    let log = log.text();
    assert!(log.contains("is not JSON"), "{log}");
    assert!(!log.contains("love to help"), "{log}");
    let told = log.contains("broke off") || log.contains("limit of output tokens");
    assert!(told, "{log}");
}

#[tokio::test]
async fn a_model_that_declines_is_a_refusal() {
    let story = Story::with([Answer::Refusal]).await;
    let answer = told(&story.ask("how many orders?").await);
    assert_eq!(answer["kind"], "cannot_answer");
    assert_eq!(answer["reason"], "the language model declined the question");
}

#[tokio::test]
async fn a_filter_of_the_provider_is_a_refusal_with_its_reason() {
    let body = json!({
        "choices": [{
            "message": {"role": "assistant", "content": ""},
            "finish_reason": "content_filter",
        }],
    });
    let story = Story::with([Answer::Body(200, body)]).await;
    let answer = told(&story.ask("how many orders?").await);
    assert_eq!(answer["kind"], "cannot_answer");
    assert_eq!(
        answer["reason"],
        "the language model declined the question (content_filter)"
    );
    assert_eq!(story.calls(), 1);
}

#[tokio::test]
async fn a_model_that_only_thinks_returns_503_after_one_call_with_the_variable_to_set() {
    let body = json!({
        "choices": [{
            "message": {"role": "assistant", "content": "", "reasoning": "Hm."},
            "finish_reason": "length",
        }],
    });
    let story = Story::with([Answer::Body(200, body)]).await;
    let detail = problem(&story.ask("how many orders?").await, 503);
    assert!(detail.contains("used all"), "{detail}");
    assert!(detail.contains("set LLM_MODEL to"), "{detail}");
    assert_eq!(story.calls(), 1);
}

#[tokio::test]
async fn a_refused_parameter_returns_503_with_its_name() {
    let body = json!({"error": {
        "message": "max_tokens is too large",
        "type": "invalid_request_error",
        "param": "max_tokens",
        "code": "invalid_value",
    }});
    let story = Story::with([Answer::Body(400, body)]).await;
    let detail = problem(&story.ask("how many orders?").await, 503);
    assert!(detail.contains("the parameter max_tokens"), "{detail}");
    assert!(detail.contains("set LLM_MODEL to"), "{detail}");
    assert!(!detail.contains("token_budget"), "{detail}");
    assert_eq!(story.calls(), 1);
}

#[tokio::test]
async fn without_a_model_the_response_names_the_variable_to_set() {
    let store = Moody::new();
    store.sync(&orders()).await;
    let app = start_sql(&store, SqlSetup::default()).await;
    let reply = app
        .post(PATH, json!({"question": "how many orders?"}))
        .await;
    assert!(problem(&reply, 501).contains("set LLM_MODEL"));
}

#[tokio::test]
async fn without_a_warehouse_a_query_is_only_checked_against_the_schema() {
    let model = LlmStub::canned([query(GOOD)]).await;
    let store = Moody::new();
    store.sync(&orders()).await;
    let setup = SqlSetup {
        llm: Some(model.llm("gpt-test")),
        ..SqlSetup::default()
    };
    let app = start_sql(&store, setup).await;
    let answer = told(
        &app.post(PATH, json!({"question": "how many orders?"}))
            .await,
    );
    assert_eq!(answer["verified"]["how"], "parsed");
    assert_eq!(answer["bytes_processed"], Value::Null);
}

#[tokio::test]
async fn a_warehouse_that_is_down_silent_or_of_another_kind_returns_503() {
    let story = Story::with([query(GOOD)]).await;
    story.bigquery.deny_jobs();
    let detail = problem(&story.ask("how many orders?").await, 503);
    assert!(
        detail.starts_with("the warehouse can't plan queries now: ")
            && detail.contains("bigquery.jobs.create"),
        "{detail}"
    );

    let story = Story::with([query(GOOD)]).await;
    story.bigquery.fail(Method::Insert, 9, &Fault::NoResponse);
    tokio::time::pause();
    let asked = Instant::now();
    problem(&story.ask("how many orders?").await, 503);
    assert!(asked.elapsed() <= Duration::from_secs(30));
    tokio::time::resume();

    let model = LlmStub::canned([query(GOOD)]).await;
    let env = Env::default().with("WAREHOUSE_URL", "postgres://u@localhost/db");
    let setup = SqlSetup {
        llm: Some(model.llm("gpt-test")),
        planner: Planner::new(&Resources::new(env)),
        ..SqlSetup::default()
    };
    let store = Moody::new();
    store.sync(&orders()).await;
    let app = start_sql(&store, setup).await;
    let reply = app
        .post(PATH, json!({"question": "how many orders?"}))
        .await;
    assert_eq!(problem(&reply, 503), "the warehouse can't plan queries now");
}

#[tokio::test(start_paused = true)]
async fn sql_is_written_from_a_fresh_or_stale_cache_and_refused_before_the_first_sync() {
    let setup = async |answers: Vec<Answer>| {
        let model = LlmStub::canned(answers).await;
        let setup = SqlSetup {
            llm: Some(model.llm("gpt-test")),
            ..SqlSetup::default()
        };
        (model, setup)
    };
    let (_model, sql) = setup(vec![query(GOOD), query(GOOD)]).await;
    let store = Moody::new();
    store.sync(&orders()).await;
    let app = start_sql(&store, sql).await;
    let ask = json!({"question": "how many orders?"});
    let fresh = app.post(PATH, &ask).await;
    assert_eq!(
        (level(&fresh), &told(&fresh)["sql"]),
        ("fresh", &json!(GOOD))
    );
    store.is(Mood::Down);
    tokio::time::advance(Duration::from_secs(200)).await;
    let stale = app.post(PATH, &ask).await;
    assert_eq!(
        (level(&stale), &told(&stale)["sql"]),
        ("stale", &json!(GOOD))
    );

    let (model, sql) = setup(vec![query(GOOD)]).await;
    let app = start_sql(&Moody::new(), sql).await;
    let builtin = app.post(PATH, &ask).await;
    assert_eq!(level(&builtin), "builtin");
    assert!(problem(&builtin, 503).starts_with("nothing is synced yet"));
    assert!(model.requests().is_empty());
}

#[test]
fn an_invalid_byte_limit_is_an_error_at_start() {
    let env = Env::default().with("SQL_MAX_BYTES", "1 GB");
    let error = SqlSetup::new(&Resources::new(env))
        .err()
        .expect("no number");
    assert_eq!(
        error.to_string(),
        "SQL_MAX_BYTES is \"1 GB\": set it to a number of bytes"
    );
}
