//! A server with the parts of the S3 and Cloud Storage APIs that the stores use, and with optional deviations.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use platform::store::Store;
use platform::{Env, Resources};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const BUCKET: &str = "bucket";

/// Deviations from the behavior of S3 and Cloud Storage.
#[derive(Clone, Copy, Default)]
pub struct Deviations {
    /// Ignores the condition that an object must not exist.
    pub ignores_absent: bool,
    /// Ignores the condition that an object must be unchanged.
    pub ignores_match: bool,
    /// Refuses every conditional replacement.
    pub refuses_match: bool,
    /// Omits the generation in responses with an object's content.
    pub hides_generation: bool,
}

/// A server that stops with the runtime of the test.
pub struct ObjectServer {
    address: String,
    shared: Arc<Shared>,
}

struct Shared {
    deviations: Deviations,
    state: Mutex<Objects>,
}

#[derive(Default)]
struct Objects {
    by_key: BTreeMap<String, (Bytes, u64)>,
    writes: u64,
    /// Method and key of each request, such as `PUT prefix/key`.
    requests: Vec<String>,
    /// Overridden responses by method and key.
    overrides: BTreeMap<String, (u16, &'static str)>,
}

impl ObjectServer {
    pub async fn start(deviations: Deviations) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket").to_string();
        let shared = Arc::new(Shared {
            deviations,
            state: Mutex::default(),
        });
        let service = Router::new().fallback(handle).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { address, shared }
    }

    /// The variables of a function that uses this server with the scheme `s3` or `gs`.
    pub fn env(&self, scheme: &str) -> Env {
        Env::default()
            .with("AWS_ENDPOINT_URL", format!("http://{}", self.address))
            .with("AWS_ACCESS_KEY_ID", "key")
            .with("AWS_SECRET_ACCESS_KEY", "a-secret-key")
            .with("STORAGE_EMULATOR_HOST", &self.address)
            .with("BUCKET_URL", format!("{scheme}://{BUCKET}/prefix"))
    }

    /// A new store client.
    pub fn store(&self, scheme: &str) -> Arc<dyn Store> {
        Resources::new(self.env(scheme)).store().expect("a store")
    }

    /// Overrides the response to a request such as `PUT prefix/key`.
    pub fn answer(&self, request: &str, status: u16, body: &'static str) {
        let mut state = self.shared.state();
        state.overrides.insert(request.to_owned(), (status, body));
    }

    pub fn keys(&self) -> Vec<String> {
        self.shared.state().by_key.keys().cloned().collect()
    }

    /// The requests since the last call, such as `PUT prefix/key`.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.state().requests)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, Objects> {
        self.state.lock().expect("no panic under the lock")
    }

    /// Writes an object unless the condition fails: none, `Some(None)` (absent), or a tag. Returns the new tag.
    fn put(
        &self,
        key: &str,
        body: Bytes,
        condition: Option<Option<u64>>,
    ) -> Result<u64, StatusCode> {
        let Deviations {
            ignores_absent,
            ignores_match,
            refuses_match,
            ..
        } = self.deviations;
        let mut state = self.state();
        let found = state.by_key.get(key).map(|(_, tag)| *tag);
        let holds = match condition {
            None => true,
            Some(None) => found.is_none() || ignores_absent,
            Some(tag) => (found == tag || ignores_match) && !refuses_match,
        };
        if !holds {
            return Err(StatusCode::PRECONDITION_FAILED);
        }
        state.writes += 1;
        let tag = state.writes;
        state.by_key.insert(key.to_owned(), (body, tag));
        Ok(tag)
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX)
        .await
        .expect("a complete request");
    let query: BTreeMap<String, String> = {
        let query = parts.uri.query().unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    };
    let path = parts.uri.path();
    let google = ["/storage/v1/b/bucket/o", "/upload/storage/v1/b/bucket/o"];
    let google_name = google.iter().find_map(|it| path.strip_prefix(it));
    let name = google_name.or_else(|| path.strip_prefix("/bucket"));
    let name = name.unwrap_or_default().trim_start_matches('/');
    let mut key = percent_encoding::percent_decode_str(name)
        .decode_utf8()
        .expect("a key in UTF-8")
        .into_owned();
    let upload = (parts.method == Method::POST).then(|| multipart(&body));
    if let Some((name, _)) = &upload {
        key.clone_from(name);
    }
    let method = if upload.is_some() {
        "PUT"
    } else {
        parts.method.as_str()
    };
    let name = format!("{method} {key}");
    let answer = {
        let mut state = shared.state();
        state.requests.push(name.clone());
        state.overrides.get(&name).copied()
    };
    if let Some((status, body)) = answer {
        let status = StatusCode::from_u16(status).expect("a status");
        return (status, body).into_response();
    }
    match google_name {
        Some(_) => handle_google(&shared, &parts.method, &key, &query, upload),
        None => handle_amazon(&shared, &parts, &key, &query, body),
    }
}

/// The name and the content of an upload.
fn multipart(body: &Bytes) -> (String, Bytes) {
    let find = |bytes: &[u8], part: &[u8]| {
        let found = bytes.windows(part.len()).position(|it| it == part);
        found.expect("a part of the upload")
    };
    let line = find(body, b"\r\n");
    let boundary = [b"\r\n", &body[..line]].concat();
    let metadata = find(body, b"\r\n\r\n") + 4;
    let metadata_end = metadata + find(&body[metadata..], &boundary);
    let metadata: Value = serde_json::from_slice(&body[metadata..metadata_end]).expect("JSON");
    let content = metadata_end + find(&body[metadata_end..], b"\r\n\r\n") + 4;
    let end = body.len() - (boundary.len() + b"--\r\n".len());
    let name = metadata["name"].as_str().expect("a name").to_owned();
    (name, body.slice(content..end))
}

fn not_found() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

/// The requested range of the body, with the status.
fn range_of(body: &Bytes, headers: &HeaderMap) -> (StatusCode, Bytes) {
    let range = headers.get("range").and_then(|it| it.to_str().ok());
    let range = range.and_then(|it| it.strip_prefix("bytes=")?.split_once('-'));
    let Some((start, last)) = range else {
        return (StatusCode::OK, body.clone());
    };
    let start: usize = start.parse().expect("a number");
    let end = last
        .parse()
        .unwrap_or(usize::MAX)
        .min(body.len().saturating_sub(1))
        + 1;
    if start >= body.len() {
        return (StatusCode::RANGE_NOT_SATISFIABLE, Bytes::new());
    }
    (StatusCode::PARTIAL_CONTENT, body.slice(start..end))
}

fn handle_google(
    shared: &Shared,
    method: &Method,
    key: &str,
    query: &BTreeMap<String, String>,
    upload: Option<(String, Bytes)>,
) -> Response {
    let number = |name: &str| query.get(name).and_then(|it| it.parse::<u64>().ok());
    if let Some((key, body)) = upload {
        let condition = number("ifGenerationMatch").map(|it| Some(it).filter(|it| *it > 0));
        return match shared.put(&key, body, condition) {
            Ok(tag) => axum::Json(json!({ "generation": tag.to_string() })).into_response(),
            Err(refused) => refused.into_response(),
        };
    }
    let mut state = shared.state();
    if key.is_empty() {
        let prefix = query.get("prefix").map_or("", String::as_str);
        let keys = state.by_key.keys().filter(|key| key.starts_with(prefix));
        let items: Vec<Value> = keys.map(|key| json!({ "name": key })).collect();
        return axum::Json(json!({ "items": items })).into_response();
    }
    if method == Method::DELETE {
        return match state.by_key.remove(key) {
            Some(_) => StatusCode::NO_CONTENT.into_response(),
            None => not_found(),
        };
    }
    let Some((body, tag)) = state.by_key.get(key) else {
        return not_found();
    };
    if !query.contains_key("alt") {
        return axum::Json(json!({ "generation": tag.to_string() })).into_response();
    }
    if number("generation").is_some_and(|it| it != *tag) {
        return not_found();
    }
    if number("ifGenerationNotMatch") == Some(*tag) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let mut response = body.clone().into_response();
    if !shared.deviations.hides_generation {
        let name = HeaderName::from_static("x-goog-generation");
        response.headers_mut().insert(name, (*tag).into());
    }
    response
}

fn handle_amazon(
    shared: &Shared,
    Parts {
        method, headers, ..
    }: &Parts,
    key: &str,
    query: &BTreeMap<String, String>,
    body: Bytes,
) -> Response {
    let tagged = |tag: u64| [("etag", format!("\"{tag}\""))];
    let header = |name: &str| headers.get(name).and_then(|it| it.to_str().ok());
    let number = |name| header(name).map(|it| it.trim_matches('"').parse::<u64>().ok());
    if *method == Method::PUT {
        let condition = match header("if-none-match") {
            Some(_) => Some(None),
            None => number("if-match").map(|tag| tag.or(Some(0))),
        };
        return match shared.put(key, body, condition) {
            Ok(tag) => tagged(tag).into_response(),
            Err(refused) => refused.into_response(),
        };
    }
    let mut state = shared.state();
    if *method == Method::DELETE {
        state.by_key.remove(key);
        return StatusCode::NO_CONTENT.into_response();
    }
    if query.contains_key("list-type") {
        let prefix = query.get("prefix").map_or("", String::as_str);
        let keys: Vec<&String> = state
            .by_key
            .keys()
            .filter(|it| it.starts_with(prefix))
            .collect();
        let mut xml = format!(
            "<ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>{}</KeyCount>",
            keys.len()
        );
        for key in keys {
            write!(xml, "<Contents><Key>{key}</Key></Contents>").expect("writing to a string");
        }
        return (xml + "</ListBucketResult>").into_response();
    }
    let Some((body, tag)) = state.by_key.get(key) else {
        return not_found();
    };
    if number("if-none-match") == Some(Some(*tag)) {
        return (StatusCode::NOT_MODIFIED, tagged(*tag)).into_response();
    }
    let (status, body) = range_of(body, headers);
    (status, tagged(*tag), body).into_response()
}
