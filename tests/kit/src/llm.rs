//! A stub of language model providers, as their documentation describes their HTTP APIs: OpenAI's chat
//! completions (which Ollama and others implement) and responses, Anthropic's messages, and Gemini's
//! `generateContent`. It implements all four, records its requests, and simulates failures.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, Uri, header};
use platform::{Env, Resources};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// A running stub. It stops when it is dropped.
pub struct LlmStub {
    /// `http://127.0.0.1:<port>`, without a path.
    pub url: String,
    inner: Arc<Inner>,
    server: JoinHandle<()>,
}

struct Inner {
    requests: Mutex<Vec<LlmRequest>>,
    answer: Box<dyn Fn(&LlmRequest) -> Answer + Send + Sync>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Openai,
    Responses,
    Anthropic,
    Gemini,
}

/// A request, parsed from its protocol.
#[derive(Clone, Debug)]
pub struct LlmRequest {
    pub protocol: Protocol,
    pub path: String,
    pub model: String,
    pub key: Option<String>,
    pub system: String,
    pub user: String,
    /// The JSON schema of the response.
    pub schema: Option<Value>,
    pub temperature: Option<f64>,
    pub max_tokens: Option<u64>,
    pub body: Value,
}

/// How the stub answers a request.
#[derive(Clone, Debug)]
pub enum Answer {
    Json(Value),
    Text(String),
    /// A text that ends at the token limit.
    Truncated(String),
    /// The model declines.
    Refusal,
    /// A response in the provider's own words: status and body.
    Body(u16, Value),
    /// An error in the format of the provider: status, `Retry-After`, and error code.
    Error {
        status: u16,
        retry_after: Option<&'static str>,
        code: &'static str,
    },
    /// The request stays open without a response.
    NoResponse,
    /// The first part of a response; then the connection closes.
    Disconnect,
    /// An HTML page, as from a proxy.
    Html,
}

impl Answer {
    pub fn error(status: u16, code: &'static str) -> Self {
        Self::Error {
            status,
            retry_after: Some("0"),
            code,
        }
    }
}

impl LlmStub {
    pub async fn start(answer: impl Fn(&LlmRequest) -> Answer + Send + Sync + 'static) -> Self {
        let inner = Arc::new(Inner {
            requests: Mutex::default(),
            answer: Box::new(answer),
        });
        let app = Router::new().fallback(serve).with_state(inner.clone());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free loopback port");
        let port = listener.local_addr().expect("a bound socket").port();
        let server = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("the stub serves");
        });
        Self {
            url: format!("http://127.0.0.1:{port}"),
            inner,
            server,
        }
    }

    /// A stub that gives these answers in order, and then status 500.
    pub async fn canned(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers = Mutex::new(answers.into_iter().collect::<VecDeque<_>>());
        Self::start(move |_| {
            let next = answers.lock().expect("no panic").pop_front();
            next.unwrap_or(Answer::error(500, "server_error"))
        })
        .await
    }

    /// A stub that describes every table, answers questions with these queries in order, and then gives status 500.
    pub async fn of_queries(queries: &[&str]) -> Self {
        let answers = queries
            .iter()
            .map(|sql| json!({"kind": "query", "sql": sql, "answer": "", "reason": ""}));
        let answers = Mutex::new(answers.collect::<VecDeque<_>>());
        Self::start(move |request| {
            let schema = request.schema.as_ref().expect("a schema");
            if schema["properties"]["kind"].is_null() {
                return EnrichPrompt::parse(request).answer(|_, _| String::new(), &[]);
            }
            let next = answers.lock().expect("no panic").pop_front();
            next.map_or(Answer::error(500, "server_error"), Answer::Json)
        })
        .await
    }

    /// The requests so far, in order of arrival.
    pub fn requests(&self) -> Vec<LlmRequest> {
        self.inner.requests.lock().expect("no panic").clone()
    }

    /// The variables of a function that uses this stub. It implements the protocol of the provider for
    /// `claude-...`, `gpt-...`, `gemini-...` and `ollama/...`. Every API key is `key`.
    pub fn env(&self, model: &str) -> Env {
        Env::default()
            .with("LLM_MODEL", model)
            .with("ANTHROPIC_API_KEY", "key")
            .with("ANTHROPIC_BASE_URL", &self.url)
            .with("OPENAI_API_KEY", "key")
            .with("OPENAI_BASE_URL", format!("{}/v1", self.url))
            .with("GEMINI_API_KEY", "key")
            .with("GOOGLE_GEMINI_BASE_URL", &self.url)
            .with("OLLAMA_HOST", &self.url)
    }

    /// A client for this stub.
    pub fn llm(&self, model: &str) -> platform::llm::Llm {
        Resources::new(self.env(model))
            .llm()
            .expect("valid variables")
            .expect("a model")
    }
}

impl Drop for LlmStub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(
    State(inner): State<Arc<Inner>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let Some(request) = parse(&uri, &headers, &body) else {
        return json_response(404, &json!({"error": {"message": "unknown path"}}));
    };
    inner
        .requests
        .lock()
        .expect("no panic")
        .push(request.clone());
    match (inner.answer)(&request) {
        Answer::Json(json) => completion(&request, &json.to_string(), Finish::Stop),
        Answer::Text(text) => completion(&request, &text, Finish::Stop),
        Answer::Truncated(text) => completion(&request, &text, Finish::Length),
        Answer::Refusal => completion(&request, "", Finish::Refusal),
        Answer::Body(status, body) => json_response(status, &body),
        Answer::Error {
            status,
            retry_after,
            code,
        } => {
            let body = error(request.protocol, status, code);
            let mut response = json_response(status, &body);
            if let Some(value) = retry_after {
                let value = value.parse().expect("a header value");
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
            response
        }
        Answer::NoResponse => std::future::pending().await,
        Answer::Disconnect => Response::builder()
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, 1000)
            .body(Body::from(r#"{"id": "#))
            .expect("a response"),
        Answer::Html => Response::builder()
            .header(header::CONTENT_TYPE, "text/html")
            .body(Body::from("<h1>Welcome</h1>"))
            .expect("a response"),
    }
}

fn parse(uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Option<LlmRequest> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |pointer: &str| {
        let text = body.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let header = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let path = uri.path();
    let (protocol, model, key, system, user, schema, temperature, max_tokens) =
        if path.ends_with("/chat/completions") {
            (
                Protocol::Openai,
                text("/model"),
                header("authorization").map(|value| value.replacen("Bearer ", "", 1)),
                text("/messages/0/content"),
                text("/messages/1/content"),
                body.pointer("/response_format/json_schema/schema"),
                body.get("temperature"),
                body.get("max_tokens")
                    .or_else(|| body.get("max_completion_tokens")),
            )
        } else if path.ends_with("/responses") {
            (
                Protocol::Responses,
                text("/model"),
                header("authorization").map(|value| value.replacen("Bearer ", "", 1)),
                text("/instructions"),
                text("/input/0/content/0/text") + &text("/input/0/content"),
                body.pointer("/text/format/schema"),
                body.get("temperature"),
                body.get("max_output_tokens"),
            )
        } else if path.ends_with("/v1/messages") {
            (
                Protocol::Anthropic,
                text("/model"),
                header("x-api-key"),
                text("/system"),
                text("/messages/0/content"),
                body.pointer("/output_config/format/schema"),
                body.get("temperature"),
                body.get("max_tokens"),
            )
        } else {
            let model = path.strip_prefix("/v1beta/models/")?;
            (
                Protocol::Gemini,
                model.strip_suffix(":generateContent")?.to_owned(),
                header("x-goog-api-key"),
                text("/systemInstruction/parts/0/text"),
                text("/contents/0/parts/0/text"),
                body.pointer("/generationConfig/responseJsonSchema"),
                body.pointer("/generationConfig/temperature"),
                body.pointer("/generationConfig/maxOutputTokens"),
            )
        };
    Some(LlmRequest {
        protocol,
        path: path.to_owned(),
        model,
        key,
        system,
        user,
        schema: schema.cloned(),
        temperature: temperature.and_then(Value::as_f64),
        max_tokens: max_tokens.and_then(Value::as_u64),
        body,
    })
}

#[derive(Clone, Copy)]
enum Finish {
    Stop,
    Length,
    Refusal,
}

fn completion(request: &LlmRequest, text: &str, finish: Finish) -> Response<Body> {
    let input = tokens(&request.system) + tokens(&request.user);
    let output = tokens(text);
    let body = match request.protocol {
        Protocol::Openai => {
            let (content, refusal) = match finish {
                Finish::Refusal => (Value::Null, json!("I can't help with that.")),
                _ => (json!(text), Value::Null),
            };
            json!({
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": request.model,
                "choices": [{
                    "index": 0,
                    "message": {"role": "assistant", "content": content, "refusal": refusal},
                    "finish_reason": if matches!(finish, Finish::Length) { "length" } else { "stop" },
                }],
                "usage": {
                    "prompt_tokens": input,
                    "completion_tokens": output,
                    "total_tokens": input + output,
                },
            })
        }
        Protocol::Responses => responses(request, text, finish, input, output),
        Protocol::Anthropic => json!({
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": request.model,
            "content": match finish {
                Finish::Refusal => json!([]),
                _ => json!([{"type": "text", "text": text}]),
            },
            "stop_reason": match finish {
                Finish::Stop => "end_turn",
                Finish::Length => "max_tokens",
                Finish::Refusal => "refusal",
            },
            "stop_sequence": null,
            "usage": {"input_tokens": input, "output_tokens": output},
        }),
        Protocol::Gemini => json!({
            "candidates": [{
                "content": {"role": "model", "parts": [{"text": text}]},
                "finishReason": match finish {
                    Finish::Stop => "STOP",
                    Finish::Length => "MAX_TOKENS",
                    Finish::Refusal => "SAFETY",
                },
                "index": 0,
            }],
            "usageMetadata": {
                "promptTokenCount": input,
                "candidatesTokenCount": output,
                "totalTokenCount": input + output,
            },
            "modelVersion": request.model,
        }),
    };
    json_response(200, &body)
}

/// A response of OpenAI's Responses API. Its first item is what the model thought.
fn responses(request: &LlmRequest, text: &str, finish: Finish, input: u64, output: u64) -> Value {
    let (status, incomplete) = match finish {
        Finish::Length => ("incomplete", json!({"reason": "max_output_tokens"})),
        Finish::Stop | Finish::Refusal => ("completed", Value::Null),
    };
    let content = match finish {
        Finish::Refusal => json!({"type": "refusal", "refusal": "I can't help with that."}),
        _ => json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []}),
    };
    json!({
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "error": null,
        "incomplete_details": incomplete,
        "model": request.model,
        "output": [
            {"id": "rs_1", "type": "reasoning", "summary": []},
            {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "status": status,
                "content": [content],
            },
        ],
        "usage": {
            "input_tokens": input,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": output,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": input + output,
        },
    })
}

/// The number of tokens that the stub reports.
pub fn tokens(text: &str) -> u64 {
    text.chars().count().div_ceil(4) as u64
}

fn error(protocol: Protocol, status: u16, code: &str) -> Value {
    let message = format!("{code}: invalid request");
    match protocol {
        Protocol::Openai | Protocol::Responses => json!({
            "error": {"message": message, "type": code, "param": null, "code": code},
        }),
        Protocol::Anthropic => json!({
            "type": "error",
            "error": {"type": code, "message": message},
        }),
        Protocol::Gemini => json!({
            "error": {"code": status, "message": message, "status": code},
        }),
    }
}

fn json_response(status: u16, body: &Value) -> Response<Body> {
    Response::builder()
        .status(StatusCode::from_u16(status).expect("a status"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .expect("a response")
}

/// A prompt of schema-sync for descriptions and examples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnrichPrompt {
    /// The name of each table, whether the table needs a description, and which of its paths need one.
    pub tables: Vec<(String, bool, Vec<String>)>,
    pub examples: usize,
}

impl EnrichPrompt {
    pub fn parse(request: &LlmRequest) -> Self {
        let mut prompt = Self::default();
        for line in request.user.lines() {
            let mut words = line.split_whitespace();
            match (line.starts_with("  "), words.next(), words.next()) {
                (false, Some(mark @ ("?" | "-")), Some("table")) => {
                    let name = words.next().unwrap_or_default().to_owned();
                    prompt.tables.push((name, mark == "?", Vec::new()));
                }
                (true, Some("?"), Some(path)) => {
                    let table = prompt.tables.last_mut().expect("a table comes first");
                    table.2.push(path.to_owned());
                }
                (false, Some("Write"), Some(count)) => {
                    prompt.examples = count.parse().expect("a number");
                }
                _ => {}
            }
        }
        prompt
            .tables
            .retain(|(_, itself, paths)| *itself || !paths.is_empty());
        prompt
    }

    /// An answer with all descriptions and these examples. `text` returns the description of a table (with an
    /// empty path) or of a path.
    pub fn answer(&self, text: impl Fn(&str, &str) -> String, examples: &[(&str, &str)]) -> Answer {
        let tables: Vec<Value> = self
            .tables
            .iter()
            .map(|(table, itself, paths)| {
                let columns: Vec<Value> = paths
                    .iter()
                    .map(|path| json!({"path": path, "description": text(table, path)}))
                    .collect();
                let description = if *itself {
                    text(table, "")
                } else {
                    String::new()
                };
                json!({"table": table, "description": description, "columns": columns})
            })
            .collect();
        let examples: Vec<Value> = examples
            .iter()
            .map(|(question, sql)| json!({"question": question, "sql": sql}))
            .collect();
        Answer::Json(json!({"tables": tables, "examples": examples}))
    }
}
