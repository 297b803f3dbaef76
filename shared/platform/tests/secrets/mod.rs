//! References to secret managers and files, which are resolved at startup.

mod files;
mod rotation;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use platform::{Env, Resources, secrets};
use serde_json::{Value, json};

const TOKENS: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:m/AUTH_TOKENS-a1B2c3";
const PREVIOUS: &str =
    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:m/AUTH_TOKENS-a1B2c3::AWSPREVIOUS";
const KEY: &str = "projects/shop/secrets/m-MASKING_KEY/versions/latest";

/// A request: the path, the headers, the body.
type Asked = Arc<Mutex<Vec<(String, HeaderMap, Value)>>>;

#[derive(Clone)]
struct Manager {
    asked: Asked,
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
    /// Gives the responses after those in turn.
    later: Arc<Mutex<Option<Answering>>>,
    url: String,
}

/// A response to the body of a request.
type Answering = Box<dyn Fn(&Value) -> (u16, Value) + Send>;

/// Gives these responses in turn, and then none.
async fn manager(answers: &[(u16, Value)]) -> Manager {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let manager = Manager {
        asked: Arc::default(),
        answers: Arc::new(Mutex::new(answers.iter().cloned().collect())),
        later: Arc::default(),
        url: format!("http://{}", listener.local_addr().unwrap()),
    };
    let service = Router::new().fallback(reply).with_state(manager.clone());
    tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
    manager
}

async fn reply(
    State(manager): State<Manager>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let asked = (uri.path().to_owned(), headers, body.clone());
    manager.asked.lock().unwrap().push(asked);
    let next = manager.answers.lock().unwrap().pop_front();
    let later = || manager.later.lock().unwrap().as_ref().map(|it| it(&body));
    let Some((status, body)) = next.or_else(later) else {
        return std::future::pending().await;
    };
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

impl Manager {
    fn env(&self) -> Env {
        Env::default()
            .with("AWS_ENDPOINT_URL_SECRETS_MANAGER", &self.url)
            .with("SECRET_MANAGER_EMULATOR_HOST", &self.url)
            .with("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .with("AWS_SECRET_ACCESS_KEY", "hunter2")
            .with("AWS_SESSION_TOKEN", "session")
    }

    fn asked(&self) -> Vec<(String, HeaderMap, Value)> {
        self.asked.lock().unwrap().clone()
    }

    fn answer_by(&self, answer: impl Fn(&Value) -> (u16, Value) + Send + 'static) {
        *self.later.lock().unwrap() = Some(Box::new(answer));
    }

    /// Waits for this number of requests.
    async fn wait_for(&self, count: usize) {
        while self.asked().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn refusal(&self, variable: &str, value: &str) -> String {
        let error = secrets::resolve(self.env().with(variable, value)).await;
        format!("{:#}", error.expect_err("no secret"))
    }
}

fn amazon(value: &str) -> (u16, Value) {
    (
        200,
        json!({"ARN": TOKENS, "Name": "m/AUTH_TOKENS", "SecretString": value}),
    )
}

/// What Secrets Manager returns for a secret that exists, but was never set.
fn no_value() -> (u16, Value) {
    let message =
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT";
    (
        400,
        json!({"__type": "ResourceNotFoundException", "Message": message}),
    )
}

fn google(base64: &str) -> (u16, Value) {
    (200, json!({"name": KEY, "payload": {"data": base64}}))
}

#[tokio::test]
async fn without_references_nothing_is_read_and_nothing_changes() {
    let manager = manager(&[]).await;
    let arn_by_intent = ("ALARM_ARN", TOKENS);
    let env = manager
        .env()
        .with("PLAIN", "postgres://metasync@db/metasync")
        .with("NEARLY", "projects/shop/secrets/key")
        .with(arn_by_intent.0, arn_by_intent.1);

    let resolved = secrets::resolve(env.clone()).await.unwrap();

    assert!(resolved.iter().eq(env.iter()));
    assert!(manager.asked().is_empty());
}

#[tokio::test]
async fn each_reference_is_replaced_by_its_secret_which_is_read_once() {
    let manager = manager(&[amazon("[]"), google("a2V5")]).await;
    let env = manager.env().with("AUTH_TOKENS", TOKENS);
    let env = env.with("AUTH_TOO", TOKENS).with("MASKING_KEY", KEY);

    let resolved = secrets::resolve(env).await.unwrap();

    let values = ["AUTH_TOKENS", "AUTH_TOO", "MASKING_KEY"].map(|name| resolved.get(name));
    assert_eq!(values, [Some("[]"), Some("[]"), Some("key")]);
    let asked = manager.asked();
    let [(_, headers, body), (path, ..)] = &asked[..] else {
        panic!("{asked:?}");
    };
    assert_eq!(body, &json!({"SecretId": TOKENS}));
    assert_eq!(headers["x-amz-target"], "secretsmanager.GetSecretValue");
    assert_eq!(headers["x-amz-security-token"], "session");
    let signed = headers["authorization"].to_str().unwrap();
    assert!(
        signed.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
            && signed.contains("/eu-central-1/secretsmanager/aws4_request"),
        "{signed}"
    );
    assert_eq!(path, &format!("/v1/{KEY}:access"));
}

#[tokio::test]
async fn a_reference_may_name_a_json_key_a_stage_and_a_version() {
    let secret = amazon(r#"{"username": "owner", "port": 5432}"#);
    let manager = manager(&[secret.clone(), secret]).await;
    let env = manager
        .env()
        .with("A", format!("{TOKENS}:username::"))
        .with("B", format!("{TOKENS}:port:AWSPREVIOUS:v1"));

    let resolved = secrets::resolve(env).await.unwrap();

    assert_eq!(resolved.get("A"), Some("owner"));
    assert_eq!(resolved.get("B"), Some("5432"));
    let last = manager.asked().pop().unwrap().2;
    let expected = json!({"SecretId": TOKENS, "VersionStage": "AWSPREVIOUS", "VersionId": "v1"});
    assert_eq!(last, expected);
}

#[tokio::test]
async fn a_secret_manager_that_fails_once_is_retried() {
    let down = (503, json!({"message": "down"}));
    let manager = manager(&[down.clone(), amazon("[]"), (429, json!({})), google("a2V5")]).await;
    let env = manager.env().with("AUTH_TOKENS", TOKENS);

    let resolved = secrets::resolve(env.with("MASKING_KEY", KEY))
        .await
        .unwrap();

    assert_eq!(resolved.get("AUTH_TOKENS"), Some("[]"));
    assert_eq!(resolved.get("MASKING_KEY"), Some("key"));
    assert_eq!(manager.asked().len(), 4);
}

#[tokio::test]
async fn a_secret_manager_that_never_responds_fails_startup_in_time() {
    let manager = manager(&[]).await;
    let env = manager.env().with("AUTH_TOKENS", TOKENS);

    let started = std::time::Instant::now();
    let error = secrets::resolve(env).await.expect_err("no answer");

    assert!(
        error.to_string().contains("didn't respond within 8 s"),
        "{error}"
    );
    assert!(started.elapsed() < Duration::from_millis(8_900));
    assert!(manager.asked().len() > 1);
}

#[tokio::test]
async fn a_refusal_names_the_variable_and_the_fix_and_no_secret() {
    let of_amazon = |kind: &str| (400, json!({"__type": kind, "Message": "no"}));
    let marked =
        "You can't perform this operation on the secret because it was marked for deletion.";
    for (answer, reference, fix) in [
        (
            of_amazon("ResourceNotFoundException"),
            TOKENS,
            "aws secretsmanager put-secret-value",
        ),
        (
            (
                400,
                json!({"__type": "InvalidRequestException", "Message": marked}),
            ),
            TOKENS,
            "aws secretsmanager restore-secret --region eu-central-1 --secret-id arn:aws",
        ),
        (
            no_value(),
            PREVIOUS,
            "aws secretsmanager list-secret-version-ids",
        ),
        (
            of_amazon("AccessDeniedException"),
            TOKENS,
            "allow the role of this function secretsmanager:GetSecretValue on",
        ),
        (of_amazon("ExpiredTokenException"), TOKENS, "log in again"),
        (
            of_amazon("InternalOddity"),
            TOKENS,
            "returns 400 InternalOddity: no",
        ),
        (
            (200, json!({"SecretBinary": "AAAA"})),
            TOKENS,
            "store it as text",
        ),
        (
            (404, json!({})),
            KEY,
            "gcloud secrets versions add m-MASKING_KEY --project shop",
        ),
        (
            (403, json!({})),
            KEY,
            "gcloud services enable secretmanager.googleapis.com",
        ),
        ((401, json!({})), KEY, "log in again"),
        (google("_"), KEY, "not base64"),
    ] {
        let manager = manager(&[answer]).await;
        let error = manager.refusal("AUTH_TOKENS", reference).await;
        assert!(
            error.starts_with("can't read the secret of AUTH_TOKENS") && error.contains(fix),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }

    let manager = manager(&[amazon("{}"), amazon("text")]).await;
    for reason in ["has no field \"username\"", "is not JSON"] {
        let error = manager.refusal("A", &format!("{TOKENS}:username")).await;
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test]
async fn invalid_references_and_missing_logins_are_reported_without_a_request() {
    let manager = manager(&[]).await;
    let error = manager
        .refusal("KEY", "arn:aws:secretsmanager:eu-central-1::secret:x")
        .await;
    assert!(
        error.starts_with("KEY: ") && error.contains("is not the ARN of a secret"),
        "{error}"
    );

    let env = manager.env().with("AWS_ACCESS_KEY_ID", "");
    let error = secrets::resolve(env.with("KEY", TOKENS))
        .await
        .expect_err("no login");
    assert!(
        format!("{error:#}").contains("no AWS credentials"),
        "{error:#}"
    );
    assert!(manager.asked().is_empty());
}

#[tokio::test]
async fn a_secret_without_a_value_counts_as_unset_until_it_is_required() {
    let manager = manager(&[no_value(), no_value()]).await;
    let env = manager.env().with("AUTH_TOKENS", TOKENS);

    let resolved = secrets::resolve(env.clone()).await.unwrap();

    assert_eq!(resolved.get("AUTH_TOKENS"), None);
    let command = format!(
        "aws secretsmanager put-secret-value --region eu-central-1 --secret-id {TOKENS} --secret-string"
    );
    let error = resolved
        .required("AUTH_TOKENS", "tokens")
        .unwrap_err()
        .to_string();
    assert!(error.contains(&command), "{error}");
    let error = Resources::new(resolved)
        .auth()
        .err()
        .expect("nobody can call");
    assert!(error.to_string().contains(&command), "{error}");

    let with_issuer = secrets::resolve(
        env.with("AUTH_ISSUER", "https://login.example.com")
            .with("AUTH_AUDIENCE", "metasync"),
    );
    assert!(Resources::new(with_issuer.await.unwrap()).auth().is_ok());
}
