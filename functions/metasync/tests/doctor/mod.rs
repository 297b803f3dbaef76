//! `metasync doctor`: it finds common problems of deployments and prints the command that fixes each.

mod aws;
mod aws_deployment;
mod configuration;
mod dependencies;
mod gcp;
mod gcp_repairs;
mod given;
mod google;
mod scopes;

use std::collections::BTreeMap;
use std::net::TcpListener;

use axum::Router;
use axum::extract::Request;
use axum::http::header::DATE;
use axum::response::IntoResponse as _;
use serde_json::Value;

use crate::run;

const TOKENS: &str = r#"[{"name": "me", "role": "admin",
    "sha256": "0000000000000000000000000000000000000000000000000000000000000000"}]"#;

/// A server with these responses by target, action of a query API, or path, and 404 for any other. It lives as long as
/// the process.
fn cloud(answers: &[(&str, u16, Value)], date: &'static str) -> String {
    let answers: BTreeMap<String, (u16, Value)> = answers
        .iter()
        .map(|(key, status, body)| ((*key).to_owned(), (*status, body.clone())))
        .collect();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let reply = move |request: Request| {
        let target = request.headers().get("x-amz-target");
        let target = target.map(|it| it.to_str().unwrap().to_owned());
        let key = target.unwrap_or_else(|| request.uri().path().to_owned());
        let answers = answers.clone();
        async move {
            let sent = axum::body::to_bytes(request.into_body(), 1 << 20).await;
            let sent = String::from_utf8(sent.unwrap().into()).unwrap();
            let action = sent
                .strip_prefix("Action=")
                .and_then(|it| it.split('&').next());
            let found = action.and_then(|action| answers.get(action));
            let found = found.or_else(|| answers.get(&key)).cloned();
            let (status, body) = found.unwrap_or((404, Value::Null));
            let status = axum::http::StatusCode::from_u16(status).unwrap();
            let mut answer = (status, body.to_string()).into_response();
            if !date.is_empty() {
                answer.headers_mut().insert(DATE, date.parse().unwrap());
            }
            answer
        }
    };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, Router::new().fallback(reply))
                .await
                .unwrap();
        });
    });
    url
}

/// Whether every check passes, and the name, status, and detail and remedy of each.
fn doctor(arguments: &[&str], env: &[(&str, &str)]) -> (bool, Vec<(String, String, String)>) {
    let output = run(&[&["doctor", "--json"], arguments].concat(), env);
    let text = String::from_utf8(output.stdout).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|_| {
        panic!("{text} {}", String::from_utf8_lossy(&output.stderr));
    });
    assert_eq!(report["ok"], output.status.success());
    let string = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let checks = report["checks"].as_array().unwrap();
    let checks = checks.iter().map(|it| {
        let text = format!("{} | {}", string(&it["detail"]), string(&it["mend"]));
        (string(&it["check"]), string(&it["status"]), text)
    });
    (output.status.success(), checks.collect())
}

/// Asserts that each of these checks fails, with this text in its detail or remedy.
fn assert_fails(checks: &[(String, String, String)], expected: &[(&str, &str)]) {
    for (check, part) in expected {
        let mut named = checks.iter().filter(|(name, ..)| name == check);
        let found = named.any(|(_, status, text)| status == "failed" && text.contains(part));
        assert!(found, "{check} with {part:?} in {checks:#?}");
    }
}
