//! Feedback over HTTP: who gives it, what replaces it, what is masked, and who sees it.

use kit::postgres::database;
use kit::{Reply, TestApp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::common::{Fixture, app_on, message, start, texts};

pub const PERSON: &str = "0190b2a0-0000-7000-8000-000000000001";
pub const LIST: &str = "/v1/robeings/r1/feedback";

pub async fn give(log: &Fixture, message: &str, feedback: Value) -> Reply {
    let path = format!("/v1/messages/{message}/feedback");
    log.app.post(&path, feedback).await
}

pub async fn given(log: &Fixture, message: &str, feedback: Value) -> Value {
    let reply = give(log, message, feedback).await;
    assert!(reply.status.is_success(), "{reply:?}");
    reply.json()
}

fn tokens() -> String {
    let token = |name: &str, role: &str, robeing: &str| {
        let hash = Sha256::digest(name);
        let sha256: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({"name": name, "role": role, "scope": {"robeings": [robeing]}, "sha256": sha256})
    };
    json!([
        token("one", "writer", "r1"),
        token("two", "writer", "r2"),
        token("reader", "reader", "r1"),
    ])
    .to_string()
}

#[tokio::test]
async fn a_number_a_boolean_a_label_or_a_comment_is_stored_and_listed_as_it_was_given() {
    let log = start().await;
    let id = log.stored(message("a")).await;
    for (name, value) in [
        ("stars", json!(4.5)),
        ("thumbs", json!(-1)),
        ("helpful", json!(true)),
        ("topic", json!("refund")),
    ] {
        let reply = give(&log, &id, json!({"name": name, "value": value})).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        assert_eq!(reply.json()["value"], value);
    }
    given(&log, &id, json!({"name": "note", "comment": "too long"})).await;
    let page = log.get(LIST).await;
    assert_eq!(
        texts(&page, "name"),
        ["note", "topic", "helpful", "thumbs", "stars"]
    );
    let note = &page["items"][0];
    assert_eq!(
        (&note["comment"], &note["value"]),
        (&json!("too long"), &Value::Null)
    );
    assert_eq!(
        (&note["message_id"], &note["source"]),
        (&json!(id), &json!("http"))
    );
    assert_eq!(page["items"][4]["value"], 4.5);
}

#[tokio::test]
async fn a_second_score_by_the_same_giver_replaces_the_first() {
    let log = start().await;
    let id = log.stored(message("a")).await;
    let first = given(
        &log,
        &id,
        json!({"name": "helpful", "value": true, "comment": "good"}),
    )
    .await;
    let second = give(&log, &id, json!({"name": "helpful", "value": false})).await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_eq!(second.json()["id"], first["id"]);
    assert_eq!(second.json()["comment"], Value::Null);
    // Another name, and another giver.
    given(&log, &id, json!({"name": "correct", "value": true})).await;
    let of_person = json!({"name": "helpful", "value": true, "user_id": PERSON});
    assert_eq!(give(&log, &id, of_person.clone()).await.status, 201);
    assert_eq!(give(&log, &id, of_person).await.status, 200);
    let of_slack = json!({"name": "helpful", "value": true, "user_id": "T1:U1"});
    assert_eq!(give(&log, &id, of_slack.clone()).await.status, 201);
    assert_eq!(give(&log, &id, of_slack).await.status, 200);

    let page = log.get(&format!("{LIST}?name=helpful")).await;
    let values = page["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|it| it["value"].clone());
    assert_eq!(
        values.collect::<Vec<_>>(),
        [json!(true), json!(true), json!(false)]
    );
    assert_eq!(texts(&page, "slack_user_id"), ["U1", "", ""]);
}

#[tokio::test]
async fn a_person_is_one_giver_by_their_user_id_and_by_their_slack_id() {
    let log = start().await;
    let id = log.stored(message("a")).await;
    let client = log.database.client().await;
    let name = format!("insert into conversation.slack_user values ('T1', 'U1', '{PERSON}')");
    client.batch_execute(&name).await.expect("a name");
    let by = |id: &str| json!({"name": "helpful", "value": true, "user_id": id});
    assert_eq!(give(&log, &id, by("U1")).await.status, 201);
    assert_eq!(give(&log, &id, by(PERSON)).await.status, 200);
    for person in ["U1", PERSON] {
        let page = log.get(&format!("{LIST}?user_id={person}")).await;
        assert_eq!(texts(&page, "user_id"), [PERSON], "{person}");
    }
    let nobody = log.get(&format!("{LIST}?user_id=U2")).await;
    assert_eq!(nobody["items"], json!([]));
}

#[tokio::test]
async fn comments_and_labels_are_masked() {
    let log = start().await;
    let id = log.stored(message("a")).await;
    let feedback = json!({
        "name": "helpful", "value": "call 010-1234-5678", "comment": "write to kim@example.com",
    });
    let reply = given(&log, &id, feedback).await;
    assert_eq!(reply["value"], "call [PHONE_1]");
    assert_eq!(reply["comment"], "write to [EMAIL_1]");
    let dump = log.dump().await;
    assert!(
        !dump.contains("1234-5678") && !dump.contains("kim@example.com"),
        "{dump}"
    );
}

#[tokio::test]
async fn the_history_has_the_feedback_on_messages_and_on_separate_answers() {
    let log = start().await;
    let asked = log
        .stored(json!({"robeing_id": "r1", "thread_ts": "t", "message": "a"}))
        .await;
    let answered =
        json!({"robeing_id": "r1", "thread_ts": "t", "response": "b", "reply_to": asked});
    let answered = log.stored(answered).await;
    given(&log, &asked, json!({"name": "clear", "value": 1})).await;
    given(&log, &answered, json!({"name": "helpful", "value": -1})).await;
    let page = log.get("/v1/robeings/r1/messages").await;
    let item = &page["items"][0];
    assert_eq!(item["feedback"][0]["name"], "clear");
    assert_eq!(item["answers"][0]["feedback"][0]["value"], -1);
    let of_answer = log.get(&format!("{LIST}?message_id={answered}")).await;
    assert_eq!(texts(&of_answer, "name"), ["helpful"]);
}

#[tokio::test]
async fn invalid_feedback_is_refused_with_what_to_send() {
    let log = start().await;
    let id = log.stored(message("a")).await;
    for (feedback, detail) in [
        (json!({"value": 1}), "name"),
        (json!({"name": "", "value": 1}), "send a letter"),
        (json!({"name": "0101234", "value": 1}), "send a letter"),
        (json!({"name": "a b", "value": 1}), "send a letter"),
        (json!({"name": "n".repeat(65), "value": 1}), "at most 64"),
        (json!({"name": "n"}), "send at least one"),
        (json!({"name": "n", "comment": " "}), "send at least one"),
        (json!({"name": "n", "value": []}), "send a number"),
        (json!({"name": "n", "value": {}}), "send a number"),
        (json!({"name": "n", "value": 1e10}), "send a number"),
        (json!({"name": "n", "value": " "}), "send a label"),
        (json!({"name": "n", "value": "\u{200b}"}), "send a label"),
        (
            json!({"name": "n", "value": "\u{feff} \u{2060}"}),
            "send a label",
        ),
        (
            json!({"name": "n", "comment": "\u{200b}"}),
            "send at least one",
        ),
        (
            json!({"name": "n", "value": "x".repeat(101)}),
            "shorter label",
        ),
        (
            json!({"name": "n", "comment": "x".repeat(4_001)}),
            "at most 4000",
        ),
        (json!({"name": "n\0", "value": 1}), "NUL"),
        (json!({"name": "n", "value": "a\0b"}), "NUL"),
        (json!({"name": "n", "comment": "a\0b"}), "NUL"),
        (json!({"name": "n", "value": "a\nb"}), "control"),
        (
            json!({"name": "n", "value": 1, "user_id": "kim"}),
            "user_id",
        ),
        (json!({"name": "n", "value": 1, "score": 1}), "score"),
    ] {
        let reply = give(&log, &id, feedback.clone()).await;
        assert_eq!(reply.status, 400, "{feedback}: {reply:?}");
        assert!(reply.text().contains(detail), "{feedback}: {reply:?}");
    }
    let unknown = give(&log, PERSON, json!({"name": "n", "value": 1})).await;
    assert_eq!(unknown.status, 404);
    assert_eq!(log.get(LIST).await["items"], json!([]));
}

#[tokio::test]
async fn only_a_writer_of_the_robeing_gives_and_deletes_feedback() {
    let database = database().await;
    let app = app_on(&database, &[("AUTH_TOKENS", &tokens())]).await;
    let stored = app
        .post("/v1/messages", message("a"))
        .bearer("one")
        .await
        .json();
    let path = format!(
        "/v1/messages/{}/feedback",
        stored["id"].as_str().expect("an id")
    );
    let status = async |app: &TestApp, token: &str| {
        let feedback = json!({"name": "helpful", "value": 1});
        app.post(&path, feedback)
            .bearer(token)
            .await
            .status
            .as_u16()
    };
    for (token, expected) in [("nobody", 401), ("reader", 403), ("two", 404), ("one", 201)] {
        assert_eq!(status(&app, token).await, expected, "{token}");
    }
    for (token, expected) in [("two", 403), ("reader", 200)] {
        assert_eq!(
            app.get(LIST).bearer(token).await.status.as_u16(),
            expected,
            "{token}"
        );
    }
    let page = app.get(LIST).bearer("reader").await.json();
    assert_eq!(texts(&page, "agent"), ["one"]);
    let id = page["items"][0]["id"].as_str().expect("an id").to_owned();
    for (token, expected) in [("reader", 403), ("two", 404), ("one", 204), ("one", 404)] {
        let reply = app
            .delete(&format!("/v1/feedback/{id}"))
            .bearer(token)
            .await;
        assert_eq!(reply.status.as_u16(), expected, "{token}");
    }
}

#[tokio::test]
async fn a_list_of_feedback_is_read_in_pages() {
    let log = start().await;
    let id = log.stored(message("a")).await;
    for name in ["a", "b", "c"] {
        given(&log, &id, json!({"name": name, "value": 1})).await;
    }
    let first = log.get(&format!("{LIST}?limit=2")).await;
    assert_eq!(texts(&first, "name"), ["c", "b"]);
    let next = first["next"].as_str().expect("a next page");
    let second = log.get(&format!("{LIST}?limit=2&after={next}")).await;
    assert_eq!(
        (texts(&second, "name"), &second["next"]),
        (vec!["a".to_owned()], &Value::Null)
    );
}

#[tokio::test]
async fn patterns_count_feedback_per_day_and_name() {
    let log = start().await;
    let id = log.stored(message("a")).await;
    for (name, value, giver) in [
        ("helpful", json!(true), "U1"),
        ("helpful", json!(true), "U2"),
        ("helpful", json!(false), "U3"),
        ("stars", json!(3), "U1"),
        ("stars", json!(0), "U2"),
        ("topic", json!("refund"), "U1"),
    ] {
        let feedback = json!({"name": name, "value": value, "user_id": giver});
        given(&log, &id, feedback).await;
    }
    let client = log.database.client().await;
    let move_stars =
        "update conversation.feedback set given_at = '2026-10-31T16:00:00Z' where name = 'stars'";
    client.batch_execute(move_stars).await.expect("feedback");
    // In Seoul, it is November already.
    for (timezone, day) in [("UTC", "2026-10-31"), ("Asia/Seoul", "2026-11-01")] {
        let path = format!("/v1/robeings/r1/patterns?from=2026-10-30&timezone={timezone}");
        let feedback = log.get(&path).await["feedback"].clone();
        let stars = json!({"day": day, "name": "stars", "given": 2, "positive": 1, "negative": 0,
                           "positive_share": 0.5, "negative_share": 0.0, "mean": 1.5});
        assert_eq!(feedback[0], stars);
        let helpful = &feedback[1];
        assert_eq!(
            (
                &helpful["given"],
                &helpful["positive"],
                &helpful["negative"]
            ),
            (&json!(3), &json!(2), &json!(1))
        );
        let topic = &feedback[2];
        assert_eq!(
            (&topic["name"], &topic["mean"]),
            (&json!("topic"), &Value::Null)
        );
    }
}

#[tokio::test]
async fn a_name_that_would_be_masked_is_refused() {
    let log = start().await;
    let id = log.stored(message("a")).await;
    for name in ["AKIAIOSFODNN7EXAMPLE", "call.010-1234-5678"] {
        let reply = give(&log, &id, json!({"name": name, "value": 1})).await;
        assert_eq!(reply.status, 400, "{name}: {reply:?}");
        assert!(reply.text().contains("send what is scored"), "{reply:?}");
        assert!(!reply.text().contains(name), "{reply:?}");
    }
    assert!(!log.dump().await.contains("EXAMPLE"));
}

#[tokio::test]
async fn secrets_in_comments_and_labels_are_masked() {
    let log = start().await;
    let id = log.stored(message("a")).await;
    let key = "AKIAIOSFODNN7EXAMPLE";
    let feedback =
        json!({"name": "n", "value": format!("key {key}"), "comment": format!("my key is {key}")});
    let reply = given(&log, &id, feedback).await;
    assert!(!reply.to_string().contains(key), "{reply}");
    assert!(!log.dump().await.contains(key));
}

#[tokio::test]
async fn ids_that_turn_out_to_be_one_persons_are_one_giver() {
    let log = start().await;
    let id = log.stored(message("a")).await;
    let by = |id: &str, value: i32| json!({"name": "helpful", "value": value, "user_id": id});
    assert_eq!(give(&log, &id, by("U1", 1)).await.status, 201);
    assert_eq!(give(&log, &id, by(PERSON, 2)).await.status, 201);
    let client = log.database.client().await;
    let name = format!("insert into conversation.slack_user values ('T1', 'U1', '{PERSON}')");
    client.batch_execute(&name).await.expect("a name");
    for (giver, value) in [("T1:U1", 3), ("U1", 4), (PERSON, 5)] {
        let reply = give(&log, &id, by(giver, value)).await;
        assert_eq!(reply.status, 200, "{giver}: {reply:?}");
        let page = log.get(LIST).await;
        assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{giver}");
        assert_eq!(page["items"][0]["value"], value, "{giver}");
    }
}

#[tokio::test]
async fn a_person_whom_only_another_tenant_knows_gives_feedback_as_a_slack_id() {
    let log = start().await;
    let id = log.stored(message("a")).await;
    log.stored(json!({"robeing_id": "r2", "user_id": PERSON, "message": "b"}))
        .await;
    let client = log.database.client().await;
    let names = format!(
        "insert into conversation.slack_user
         values ('T1', 'U1', '{PERSON}'), ('T2', 'U1', gen_random_uuid())"
    );
    client.batch_execute(&names).await.expect("names");
    let feedback = json!({"name": "helpful", "value": 1, "user_id": "U1"});
    let reply = given(&log, &id, feedback).await;
    assert_eq!(
        (&reply["user_id"], &reply["slack_user_id"]),
        (&Value::Null, &json!("U1"))
    );
    let page = log.get(&format!("{LIST}?user_id=U1")).await;
    assert_eq!(texts(&page, "slack_user_id"), ["U1"]);
}

#[tokio::test]
async fn the_history_has_the_newest_ten_of_a_thousand_and_the_list_has_all() {
    let log = start().await;
    let id = log.stored(message("a")).await;
    let client = log.database.client().await;
    let reactions = format!(
        "insert into conversation.feedback
             (id, key, message_id, robeing_id, name, value, reaction, source, slack_user_id, given_at)
         select lpad(to_hex(n), 32, '0')::uuid, gen_random_uuid(), '{id}', 'r1', 'reaction', '1', '+1', 'slack', 'U' || n,
                now()
         from generate_series(1, 1000) as n"
    );
    client.batch_execute(&reactions).await.expect("reactions");
    let history = log.get("/v1/robeings/r1/messages").await;
    let newest: Vec<String> = (991..=1000).map(|n| format!("U{n}")).collect();
    let listed = json!({"items": history["items"][0]["feedback"]});
    assert_eq!(texts(&listed, "slack_user_id"), newest);
    let (mut count, mut after) = (0, String::new());
    loop {
        let page = log.get(&format!("{LIST}?limit=200{after}")).await;
        count += page["items"].as_array().map_or(0, Vec::len);
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(count, 1000);
}

#[tokio::test]
async fn a_label_is_masked_as_the_value_of_its_name() {
    let log = start().await;
    let id = log.stored(message("a")).await;
    for (name, value, stored) in [
        ("password", "hunter2swordfish", "[SECRET]"),
        ("topic", "password", "password"),
    ] {
        let reply = given(&log, &id, json!({"name": name, "value": value})).await;
        assert_eq!(reply["value"], stored, "{name}");
    }
    assert!(!log.dump().await.contains("hunter2"));
}
