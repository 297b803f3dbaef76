//! The audit log over HTTP.

use kit::TestApp;
use serde_json::{Value, json};

use crate::common::{Console, id};

async fn with_tokens(count: usize) -> Console {
    let console = Console::start().await;
    for n in 0..count {
        let new = json!({"name": format!("bot-{n}"), "role": "reader", "scope": {}});
        console.create("/v1/tokens", &new).await;
    }
    console
}

async fn sweep(console: &Console) -> Value {
    let reply = console.post("/events/console", &json!({})).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

#[tokio::test]
async fn an_admin_sees_who_changed_what_in_pages_and_by_filter() {
    let console = with_tokens(3).await;
    let bot = console
        .create(
            "/v1/tokens",
            &json!({"name": "bot-x", "role": "reader", "scope": {}}),
        )
        .await;
    let reply = console.delete(&format!("/v1/tokens/{}", id(&bot))).await;
    assert_eq!(reply.status, 204, "{reply:?}");
    let page = console.get("/v1/audit?limit=2").await.json();
    assert_eq!(page["items"][0]["action"], "token.revoke");
    assert_eq!(page["items"][0]["subject"], id(&bot));
    assert_eq!(page["items"][0]["actor"], "admin");
    assert_eq!(page["items"][0]["actor_kind"], "token");
    assert_eq!(page["items"][1]["action"], "token.create");
    assert_eq!(page["items"][1]["subject"], id(&bot));
    assert_eq!(page["items"][1]["detail"]["name"], Value::Null);
    let next = page["next"].as_str().expect("a next page");
    let rest = console.get(&format!("/v1/audit?after={next}")).await.json();
    assert_eq!(rest["items"].as_array().unwrap().len(), 3);
    assert_eq!(rest["next"], Value::Null);
    let found = console.get("/v1/audit?action=token.revoke").await.json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    for query in [
        "limit=0",
        "limit=201",
        "since=yesterday",
        "since=-004800-01-02T00:00:00Z",
        "until=0000-12-31T23:59:59Z",
        "after=7",
        "actions=x",
    ] {
        let reply = console.get(&format!("/v1/audit?{query}")).await;
        assert_eq!(reply.status, 400, "{query}");
    }
}

#[tokio::test]
async fn an_export_has_one_entry_per_line() {
    let console = with_tokens(3).await;
    let reply = console.get("/v1/audit/export?action=token.").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.headers["content-type"], "application/x-ndjson");
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let exported: Vec<&str> = lines
        .iter()
        .filter_map(|it| it["subject"].as_str())
        .collect();
    let tokens = console.get("/v1/tokens").await.json();
    let tokens: Vec<&str> = tokens["items"].as_array().unwrap().iter().map(id).collect();
    assert_eq!((exported.len(), exported), (3, tokens));
    for query in [
        "since=-004800-01-02T00:00:00Z",
        "until=-009999-01-03T00:00:00Z",
    ] {
        let reply = console.get(&format!("/v1/audit/export?{query}")).await;
        assert_eq!(reply.status, 400, "{query}");
        let detail = reply.text();
        assert!(
            detail.contains("from 0001-01-01T00:00:00Z to 9999-12-30"),
            "{detail}"
        );
    }
    let all = "since=0001-01-01T00:00:00Z&until=9999-12-30T00:00:00Z";
    let reply = console.get(&format!("/v1/audit/export?{all}")).await;
    assert_eq!(reply.text().lines().count(), 3, "{reply:?}");
    let empty = console.get("/v1/audit/export?action=person.").await;
    assert_eq!((empty.status.as_u16(), empty.body.len()), (200, 0));
}

#[tokio::test]
async fn a_sweep_chains_new_entries_and_a_verification_finds_a_change() {
    let console = with_tokens(3).await;
    let swept = sweep(&console).await;
    assert_eq!(
        swept["audit"],
        json!({"rows": 3, "seq": 3, "anchored_seq": 3, "complete": true})
    );
    assert_eq!(sweep(&console).await["audit"]["rows"], 0);
    let verified = console.get("/v1/audit/verification").await.json();
    assert_eq!(
        verified,
        json!({"entries": 3, "anchors": 1, "seq": 3, "erased": 0, "fault": null, "next": null})
    );
    console.database.run("update people.audit set action = 'x' where id = (select audit_id from people.audit_link where seq = 2)").await;
    let verified = console.get("/v1/audit/verification").await.json();
    assert_eq!(
        (&verified["fault"]["kind"], &verified["fault"]["seq"]),
        (&json!("changed"), &json!(2))
    );
    let reply = console.get("/v1/audit/verification?after=9").await;
    assert_eq!(reply.status, 400, "{reply:?}");
}

#[tokio::test]
async fn only_an_admin_of_everything_sees_the_audit_log() {
    let console = with_tokens(1).await;
    for path in ["/v1/audit", "/v1/audit/export", "/v1/audit/verification"] {
        for (token, status) in [
            ("admin", 200),
            ("sales", 403),
            ("writer", 403),
            ("reader", 403),
            ("x", 401),
        ] {
            let reply = console.app.get(path).bearer(token).await;
            assert_eq!(reply.status.as_u16(), status, "{token} {path}");
        }
    }
    for (token, status) in [("sales", 403), ("reader", 403)] {
        let reply = console
            .app
            .post("/events/console", json!({}))
            .bearer(token)
            .await;
        assert_eq!(reply.status.as_u16(), status, "{token}");
    }
}

#[tokio::test]
async fn a_sweep_deletes_what_has_expired_and_nothing_else() {
    let console = with_tokens(0).await;
    let person = "0190b2a0-0000-7000-8000-000000000001";
    console
        .database
        .run(&format!(
            "insert into people.person (id, email, role) values ('{person}', 'kim@example.com', 'reader');
             insert into people.cookie (hash, person_id, expires_at)
             select sha256(n::text::bytea), '{person}', now() + n * interval '1 hour' from generate_series(-1, 1, 2) as n;
             insert into people.token (id, hash, person_id, cookie_hash, expires_at)
             select gen_random_uuid(), sha256(n::text::bytea), '{person}', sha256('1'), now() + n * interval '1 hour'
             from generate_series(-1, 1, 2) as n;
             insert into people.token (id, hash, name, role, scope, expires_at)
             values (gen_random_uuid(), sha256('x'), 'bot', 'reader', '{{}}', now() - interval '1 hour');
             insert into people.sign_in (state, at) values (sha256('a'), now() - interval '2 hours'), (sha256('b'), now());
             insert into people.attempt (source, minute, attempts)
             values ('a', now() - interval '2 hours', 1), ('b', now(), 1)"
        ))
        .await;
    assert_eq!(sweep(&console).await["expired"], 4);
    let client = console.database.client().await;
    for (table, left) in [("cookie", 1), ("token", 2), ("sign_in", 1), ("attempt", 1)] {
        let sql = format!("select count(*) from people.{table}");
        let rows: i64 = client.query_typed_one(&sql, &[]).await.unwrap().get(0);
        assert_eq!(rows, left, "{table}");
    }
}

#[tokio::test]
async fn a_bucket_that_fails_delays_the_anchor_and_no_entry() {
    let bucket = tempfile::tempdir().unwrap();
    let url = format!("file://{}", bucket.path().display());
    let app = TestApp::with_env(platform::Env::default().with("BUCKET_URL", &url))
        .on_a_database()
        .await
        .named("console")
        .set("METASYNC_KEYS", "07".repeat(32))
        .start(console::app)
        .await;
    let new = json!({"name": "bot", "role": "reader", "scope": {}});
    assert_eq!(app.post("/v1/tokens", &new).await.status, 201);
    std::fs::write(bucket.path().join("audit"), "").unwrap();
    let failed = app.post("/events/console", json!({})).await;
    assert!(failed.status.is_server_error(), "{failed:?}");
    std::fs::remove_file(bucket.path().join("audit")).unwrap();
    let swept = app.post("/events/console", json!({})).await.json();
    assert_eq!(
        (&swept["audit"]["seq"], &swept["audit"]["anchored_seq"]),
        (&json!(1), &json!(1))
    );
}
