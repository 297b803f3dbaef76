//! The providers of language models, as their documentation describes their HTTP: OpenAI's chat
//! completions (which Ollama and many others speak too), Anthropic's messages, and Gemini's
//! `generateContent`. One stub speaks all three, writes down what it was asked, and misbehaves on
//! demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, Uri, header};
use platform::{Env, Resources};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// A running stub; it ends with this value.
pub struct LlmStub {
    /// `http://127.0.0.1:<port>`, without a path.
    pub url: String,
    inner: Arc<Inner>,
    server: JoinHandle<()>,
}

struct Inner {
    asked: Mutex<Vec<Asked>>,
    answer: Box<dyn Fn(&Asked) -> Answer + Send + Sync>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Openai,
    Anthropic,
    Gemini,
}

/// A request, read out of its protocol.
#[derive(Clone, Debug)]
pub struct Asked {
    pub wire: Wire,
    pub path: String,
    pub model: String,
    pub key: Option<String>,
    pub system: String,
    pub user: String,
    /// The JSON schema that the answer must have.
    pub schema: Option<Value>,
    pub temperature: Option<f64>,
    pub max_tokens: Option<u64>,
    pub body: Value,
}

#[derive(Clone, Debug)]
pub enum Answer {
    Json(Value),
    Text(String),
    /// A text that ends because its tokens do.
    Cut(String),
    /// The model declines.
    Refusal,
    /// An error in the provider's form: a status, `Retry-After`, and the provider's own word.
    Error {
        status: u16,
        retry_after: Option<&'static str>,
        word: &'static str,
    },
    /// No answer, ever.
    Never,
    /// The first half of an answer; then the connection breaks.
    Half,
    /// A page of a proxy in between.
    Page,
}

impl Answer {
    pub fn error(status: u16, word: &'static str) -> Self {
        Self::Error {
            status,
            retry_after: Some("0"),
            word,
        }
    }
}

impl LlmStub {
    pub async fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let inner = Arc::new(Inner {
            asked: Mutex::default(),
            answer: Box::new(answer),
        });
        let app = Router::new().fallback(serve).with_state(inner.clone());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a port is free on the loopback");
        let port = listener.local_addr().expect("it is bound").port();
        let server = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("the stub serves");
        });
        Self {
            url: format!("http://127.0.0.1:{port}"),
            inner,
            server,
        }
    }

    /// Gives these answers in turn, and 500 after the last.
    pub async fn canned(answers: impl IntoIterator<Item = Answer>) -> Self {
        let answers = Mutex::new(answers.into_iter().collect::<VecDeque<_>>());
        Self::start(move |_| {
            let next = answers.lock().expect("no panic").pop_front();
            next.unwrap_or(Answer::error(500, "server_error"))
        })
        .await
    }

    /// What it was asked so far, in the order of arrival.
    pub fn asked(&self) -> Vec<Asked> {
        self.inner.asked.lock().expect("no panic").clone()
    }

    /// Variables that point a function at this stub, which speaks the provider's own protocol for
    /// `claude-...`, `gpt-...`, `gemini-...` and `ollama/...`. The key of each is `key`.
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

    /// The model itself, asked through the protocol that its name stands for.
    pub fn llm(&self, model: &str) -> platform::llm::Llm {
        Resources::new(self.env(model))
            .llm()
            .expect("the stub's variables are right")
            .expect("a model is named")
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
    let Some(asked) = read(&uri, &headers, &body) else {
        return json_response(404, &json!({"error": {"message": "no such path"}}));
    };
    inner.asked.lock().expect("no panic").push(asked.clone());
    let wire = asked.wire;
    match (inner.answer)(&asked) {
        Answer::Json(json) => written(&asked, &json.to_string(), End::Whole),
        Answer::Text(text) => written(&asked, &text, End::Whole),
        Answer::Cut(text) => written(&asked, &text, End::Cut),
        Answer::Refusal => written(&asked, "", End::Refused),
        Answer::Error {
            status,
            retry_after,
            word,
        } => {
            let mut response = json_response(status, &error(wire, status, word));
            if let Some(value) = retry_after {
                let value = value.parse().expect("a header's value");
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
            response
        }
        Answer::Never => std::future::pending().await,
        Answer::Half => Response::builder()
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, 1000)
            .body(Body::from(r#"{"id": "#))
            .expect("a response"),
        Answer::Page => Response::builder()
            .header(header::CONTENT_TYPE, "text/html")
            .body(Body::from("<h1>Welcome</h1>"))
            .expect("a response"),
    }
}

fn read(uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Option<Asked> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |pointer: &str| {
        let text = body.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let header = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let path = uri.path();
    let (wire, model, key, system, user, schema, temperature, max_tokens) =
        if path.ends_with("/chat/completions") {
            (
                Wire::Openai,
                text("/model"),
                header("authorization").map(|value| value.replacen("Bearer ", "", 1)),
                text("/messages/0/content"),
                text("/messages/1/content"),
                body.pointer("/response_format/json_schema/schema"),
                body.get("temperature"),
                body.get("max_tokens")
                    .or_else(|| body.get("max_completion_tokens")),
            )
        } else if path.ends_with("/v1/messages") {
            (
                Wire::Anthropic,
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
                Wire::Gemini,
                model.strip_suffix(":generateContent")?.to_owned(),
                header("x-goog-api-key"),
                text("/systemInstruction/parts/0/text"),
                text("/contents/0/parts/0/text"),
                body.pointer("/generationConfig/responseJsonSchema"),
                body.pointer("/generationConfig/temperature"),
                body.pointer("/generationConfig/maxOutputTokens"),
            )
        };
    Some(Asked {
        wire,
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
enum End {
    Whole,
    Cut,
    Refused,
}

fn written(asked: &Asked, text: &str, end: End) -> Response<Body> {
    let input = tokens(&asked.system) + tokens(&asked.user);
    let output = tokens(text);
    let body = match asked.wire {
        Wire::Openai => {
            let (content, refusal) = match end {
                End::Refused => (Value::Null, json!("I can't help with that.")),
                _ => (json!(text), Value::Null),
            };
            json!({
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": asked.model,
                "choices": [{
                    "index": 0,
                    "message": {"role": "assistant", "content": content, "refusal": refusal},
                    "finish_reason": if matches!(end, End::Cut) { "length" } else { "stop" },
                }],
                "usage": {
                    "prompt_tokens": input,
                    "completion_tokens": output,
                    "total_tokens": input + output,
                },
            })
        }
        Wire::Anthropic => json!({
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": asked.model,
            "content": match end {
                End::Refused => json!([]),
                _ => json!([{"type": "text", "text": text}]),
            },
            "stop_reason": match end {
                End::Whole => "end_turn",
                End::Cut => "max_tokens",
                End::Refused => "refusal",
            },
            "stop_sequence": null,
            "usage": {"input_tokens": input, "output_tokens": output},
        }),
        Wire::Gemini => json!({
            "candidates": [{
                "content": {"role": "model", "parts": [{"text": text}]},
                "finishReason": match end {
                    End::Whole => "STOP",
                    End::Cut => "MAX_TOKENS",
                    End::Refused => "SAFETY",
                },
                "index": 0,
            }],
            "usageMetadata": {
                "promptTokenCount": input,
                "candidatesTokenCount": output,
                "totalTokenCount": input + output,
            },
            "modelVersion": asked.model,
        }),
    };
    json_response(200, &body)
}

/// As the stub counts them.
pub fn tokens(text: &str) -> u64 {
    text.chars().count().div_ceil(4) as u64
}

fn error(wire: Wire, status: u16, word: &str) -> Value {
    let message = format!("{word}: what you sent was not right");
    match wire {
        Wire::Openai => json!({
            "error": {"message": message, "type": word, "param": null, "code": word},
        }),
        Wire::Anthropic => json!({
            "type": "error",
            "error": {"type": word, "message": message},
        }),
        Wire::Gemini => json!({
            "error": {"code": status, "message": message, "status": word},
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

/// What a request of schema-sync asks for, read out of its prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Tables by name, whether the table itself is to be described, and which of its paths are.
    pub tables: Vec<(String, bool, Vec<String>)>,
    pub examples: usize,
}

impl Wanted {
    pub fn of(asked: &Asked) -> Self {
        let mut wanted = Self::default();
        for line in asked.user.lines() {
            let mut words = line.split_whitespace();
            match (line.starts_with("  "), words.next(), words.next()) {
                (false, Some(mark @ ("?" | "-")), Some("table")) => {
                    let name = words.next().unwrap_or_default().to_owned();
                    wanted.tables.push((name, mark == "?", Vec::new()));
                }
                (true, Some("?"), Some(path)) => {
                    let table = wanted.tables.last_mut().expect("a table comes first");
                    table.2.push(path.to_owned());
                }
                (false, Some("Write"), Some(count)) => {
                    wanted.examples = count.parse().expect("a number");
                }
                _ => {}
            }
        }
        wanted
            .tables
            .retain(|(_, itself, paths)| *itself || !paths.is_empty());
        wanted
    }

    /// An answer with a description of everything, in the words of `text` (table, path: empty for
    /// the table itself), and with these examples.
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
