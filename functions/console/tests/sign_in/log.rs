//! What the log says about signing in, and what it must not.

use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};

use serde_json::json;
use tracing::Dispatch;
use tracing::subscriber::NoSubscriber;

use super::browser::{COOKIE, with};
use super::start;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Captures the log of this thread until the guard is dropped.
    fn install(&self) -> tracing::subscriber::DefaultGuard {
        // While there is only one subscriber, another thread that reaches a line of the program first turns it off.
        static OTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
        LazyLock::force(&OTHER);
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }

    /// The text since the last call.
    fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8(bytes).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn failures(log: &str) -> usize {
    log.matches("failed_sign_ins").count()
}

#[tokio::test]
async fn a_refused_attempt_to_sign_in_counts_and_an_outage_does_not() {
    let console = start().await;
    let log = Log::default();
    let _guard = log.install();
    let mut browser = console.browser();
    assert_eq!(browser.sign_in().await.status, 303);
    assert_eq!(failures(&log.take()), 0);

    let mut browser = console.browser();
    let callback = browser.go_to_issuer("/").await;
    console.issuer.set_token_fault(Some(kit::oidc::Fault::Down));
    assert_eq!(browser.get(&callback).await.status, 503);
    assert_eq!(failures(&log.take()), 0);
    console.issuer.set_token_fault(None);

    assert_eq!(browser.get(&callback).await.status, 400);
    assert_eq!(failures(&log.take()), 1);
    console.issuer.change_id_tokens(json!({"nonce": "another"}));
    assert_eq!(browser.sign_in().await.status, 401);
    assert_eq!(failures(&log.take()), 1);
    let credential = json!({"credential": "x"});
    let reply = browser.json(http::Method::POST, "/api/auth/google", credential);
    assert_eq!(reply.await.status, 401);
    assert_eq!(failures(&log.take()), 1);
}

#[tokio::test]
async fn the_log_says_that_an_address_was_not_verified_without_the_address() {
    let console = start().await;
    let log = Log::default();
    let _guard = log.install();
    let claims = json!({"sub": "park", "email": "park@example.com", "email_verified": false});
    console.issuer.set_person(claims);
    assert_eq!(console.browser().sign_in().await.status, 403);
    let log = log.take();
    assert!(log.contains("the issuer sent no verified address"), "{log}");
    assert!(!log.contains("park"), "{log}");
}

#[tokio::test]
async fn the_log_has_no_secret_and_no_name_of_who_signs_in() {
    let console = start().await;
    let log = Log::default();
    let _guard = log.install();
    let mut browser = console.browser();
    let callback = browser.go_to_issuer("/projects/secret-page").await;
    assert_eq!(browser.get(&callback).await.status, 303);
    browser.get("/").await;
    let token = browser.post("/api/me/token").await.json();
    let refused = browser.go_to_issuer("/").await;
    let refused = with(&refused, "code", Some("a-made-up-code"));
    assert_eq!(browser.get(&refused).await.status, 401);
    browser
        .json(
            http::Method::POST,
            "/api/auth/google",
            json!({"credential": "a.b.c"}),
        )
        .await;

    let log = log.take();
    assert!(log.contains("GET /auth/callback: 303"), "{log}");
    let mut secrets = vec![
        browser.cookies[COOKIE].clone(),
        token["token"].as_str().unwrap().to_owned(),
        "a-made-up-code".to_owned(),
        "secret-page".to_owned(),
        "lee@example.com".to_owned(),
    ];
    for path in [&callback, &refused] {
        let url = url::Url::parse(&format!("https://x{path}")).unwrap();
        secrets.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
    }
    for secret in &secrets {
        assert!(!log.contains(secret.as_str()), "{secret} in {log}");
    }
}
