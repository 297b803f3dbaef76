//! Signatures: requests need a recent signature, and give access to the robeing of the app that signed.

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{ROUTE, SECRET, now_ts, said, send_at, signature, start};
use crate::common::{start_with, texts};

#[tokio::test]
async fn the_example_signature_of_slacks_documentation_is_valid() {
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let documented = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    assert_eq!(signature(SECRET, 1_531_420_618, body), documented);
    let log = start().await;
    let reply = log
        .app
        .request(Method::POST, ROUTE)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-slack-request-timestamp", 1_531_420_618)
        .header("x-slack-signature", documented)
        .body(body)
        .await;
    assert_eq!(reply.status, 401);
    assert!(reply.text().contains("five minutes"), "{reply:?}");
}

#[tokio::test]
async fn a_request_needs_a_recent_signature_of_its_body() {
    let log = start().await;
    let event = said(&now_ts(1), "hello", json!({}));
    let now = Timestamp::now();
    for (minutes, status) in [(0, 200), (-4, 200), (4, 200), (-6, 401), (6, 401)] {
        let at = now + SignedDuration::from_mins(minutes);
        assert_eq!(
            send_at(&log.app, at, SECRET, &event).await.status.as_u16(),
            status,
            "{minutes}"
        );
    }
    assert_eq!(send_at(&log.app, now, "another", &event).await.status, 401);
    let at = now.as_second();
    let signed = signature(SECRET, at, &event.to_string());
    for (name, timestamp, sent, body) in [
        (
            "another body",
            at.to_string(),
            signed.clone(),
            event.to_string() + " ",
        ),
        (
            "another time",
            (at - 1).to_string(),
            signed.clone(),
            event.to_string(),
        ),
        (
            "no version",
            at.to_string(),
            signed.replace("v0=", ""),
            event.to_string(),
        ),
        (
            "no hex",
            at.to_string(),
            "v0=xyz".to_owned(),
            event.to_string(),
        ),
        (
            "a part",
            at.to_string(),
            signed[..20].to_owned(),
            event.to_string(),
        ),
        (
            "a sign",
            format!("+{at}"),
            signature(SECRET, at, &event.to_string()),
            event.to_string(),
        ),
    ] {
        let request = log
            .app
            .request(Method::POST, ROUTE)
            .header("content-type", "application/json");
        let request = request
            .header("x-slack-request-timestamp", timestamp)
            .header("x-slack-signature", sent);
        assert_eq!(request.body(body).await.status, 401, "{name}");
    }
    assert_eq!(log.app.post(ROUTE, &event).await.status, 401);
    assert_eq!(log.rows().await, 1);

    let unset = start_with(&[]).await;
    assert_eq!(send_at(&unset.app, now, "", &event).await.status, 401);
    let both = start_with(&[
        ("SLACK_SIGNING_SECRET", "old, new"),
        ("SLACK_ROBEINGS", r#"{"A0FFV41KK": "sales"}"#),
    ])
    .await;
    assert_eq!(send_at(&both.app, now, "new", &event).await.status, 200);
    assert_eq!(send_at(&both.app, now, "old", &event).await.status, 200);
}

#[tokio::test]
async fn the_secret_of_an_app_gives_no_access_to_another_apps_robeing() {
    let log = start_with(&[
        (
            "SLACK_SIGNING_SECRET",
            r#"{"A0FFV41KK": "ours", "A2": "theirs"}"#,
        ),
        (
            "SLACK_ROBEINGS",
            r#"{"A0FFV41KK": "sales", "A2": "support"}"#,
        ),
    ])
    .await;
    let now = Timestamp::now();
    let ours = said(&now_ts(1), "ours", json!({}));
    let mut theirs = said(&now_ts(2), "theirs", json!({}));
    theirs["api_app_id"] = "A2".into();
    for (secret, event, status) in [
        ("theirs", &ours, 401),
        ("ours", &theirs, 401),
        ("ours", &ours, 200),
        ("theirs", &theirs, 200),
    ] {
        let reply = send_at(&log.app, now, secret, event).await;
        assert_eq!(reply.status.as_u16(), status, "{secret}");
    }
    for (robeing, said) in [("sales", "ours"), ("support", "theirs")] {
        let page = log.get(&format!("/v1/robeings/{robeing}/messages")).await;
        assert_eq!(texts(&page, "message"), [said]);
    }
    let greeting = json!({"type": "url_verification", "challenge": "c"});
    for secret in ["ours", "theirs"] {
        let reply = send_at(&log.app, now, secret, &greeting).await;
        assert_eq!(reply.json(), json!({"challenge": "c"}), "{secret}");
    }
}
