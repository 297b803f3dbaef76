//! Feedback is erased and exported with the person who gave it, and goes with its message.

use kit::slack;
use personal::{Identity, Owner as _, Person, Subject};
use platform::postgres::scoped::{self, Scope};
use robeing::ROBEINGS;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::common::{Fixture, KIM, LEE, said, start};

async fn give(it: &Fixture, message: &str, person: &str, comment: &str) {
    let path = format!("/v1/messages/{message}/feedback");
    let feedback = json!({"name": "helpful", "value": 1, "comment": comment, "user_id": person});
    let reply = it.log.post(&path, feedback).await;
    assert_eq!(reply.status, 201, "{reply:?}");
}

async fn comments(it: &Fixture) -> Vec<String> {
    let page = it.log.get("/v1/robeings/r1/feedback").await.json();
    let items = page["items"].as_array().expect("items").iter().rev();
    let comments = items.map(|it| it["comment"].as_str().unwrap_or_default().to_owned());
    comments.collect()
}

/// A message of Kim and one of Lee, each with feedback of both and of a Slack user.
async fn start_with_feedback() -> Fixture {
    let it = start().await;
    for (person, name) in [(KIM, "kim"), (LEE, "lee")] {
        let id = it.stored(said("r1", person, "hello", "now")).await;
        for (giver, by) in [(KIM, "kim"), (LEE, "lee"), ("U1", "slack")] {
            give(&it, &id, giver, &format!("{by} on {name}")).await;
        }
    }
    it.roll_up().await;
    it
}

fn done(receipt: &Value) -> Value {
    let text = receipt.to_string();
    assert!(text.contains("conversation.feedback"), "{text}");
    receipt.clone()
}

#[tokio::test]
async fn an_erasure_removes_what_the_person_gave_and_the_feedback_on_their_messages() {
    let it = start_with_feedback().await;
    done(&it.erase(json!({"user_id": KIM})).await);
    assert_eq!(comments(&it).await, ["lee on lee", "slack on lee"]);
    assert!(!it.dump().await.contains("kim on"));
}

#[tokio::test]
async fn a_slack_user_who_only_reacted_is_erased() {
    let it = start_with_feedback().await;
    done(&it.erase(json!({"slack_user_id": "U1"})).await);
    assert_eq!(
        comments(&it).await,
        ["kim on kim", "lee on kim", "kim on lee", "lee on lee"]
    );
    assert_eq!(
        it.count("select count(*) from conversation.feedback where slack_user_id = 'U1'")
            .await,
        0
    );
}

#[tokio::test]
async fn an_erasure_of_a_robeing_removes_all_of_its_feedback() {
    let it = start_with_feedback().await;
    done(&it.erase(json!({"robeing_id": "r1"})).await);
    assert_eq!(
        it.count("select count(*) from conversation.feedback").await,
        0
    );
}

#[tokio::test]
async fn an_export_has_the_feedback_that_the_person_gave_and_nobody_elses() {
    let it = start_with_feedback().await;
    for (subject, count) in [
        (json!({"user_id": KIM}), 2),
        (json!({"slack_user_id": "U1"}), 2),
        (json!({"robeing_id": "r1"}), 6),
    ] {
        let lines = it.export(subject.clone()).await;
        let given: Vec<&Value> = lines
            .iter()
            .filter(|it| it["table"] == "conversation.feedback")
            .collect();
        assert_eq!(given.len(), count, "{subject}");
        assert!(
            given
                .iter()
                .all(|it| it.get("agent").is_none() && it["comment"].is_string())
        );
        if subject["user_id"] == KIM {
            assert!(given.iter().all(|it| it["user_id"] == KIM), "{given:?}");
        }
    }
}

#[tokio::test]
async fn feedback_leaves_the_database_with_the_month_of_its_message() {
    let it = start().await;
    let old = it.stored(said("r1", KIM, "old", "2025-08-10")).await;
    let new = it.stored(said("r1", KIM, "new", "now")).await;
    give(&it, &old, LEE, "old").await;
    give(&it, &new, LEE, "new").await;
    it.roll_up().await;
    assert_eq!(it.run().await["archived"][0]["state"], "dropped");
    assert_eq!(comments(&it).await, ["new"]);
    assert_eq!(
        it.count("select count(*) from conversation.feedback").await,
        1
    );
}

#[tokio::test]
async fn feedback_expires_with_its_message() {
    let it = crate::common::start_with(&[("RETENTION_DAYS", "30"), ("ARCHIVE_AFTER_DAYS", "3000")])
        .await;
    let old = it.stored(said("r1", KIM, "old", "2026-09-10")).await;
    let new = it.stored(said("r1", KIM, "new", "now")).await;
    give(&it, &old, LEE, "old").await;
    give(&it, &new, LEE, "new").await;
    it.roll_up().await;
    it.run().await;
    assert_eq!(
        it.count("select count(*) from conversation.feedback").await,
        1
    );
    assert_eq!(comments(&it).await, ["new"]);
}

#[tokio::test]
async fn a_reaction_without_a_message_and_a_removed_one_are_kept_for_a_day() {
    let it = start_with_feedback().await;
    it.database
        .run(
            "update conversation.feedback set is_pending = true;
             insert into conversation.feedback (id, key, message_id, robeing_id, name, source, given_at, removed_at, is_pending)
             select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'r1', 'reaction', 'slack',
                    now() - hours * interval '1 hour',
                    case when is_removed then now() end, not is_removed
             from (values (23, true), (25, true), (23, false), (25, false)) as unsettled (hours, is_removed);
             update conversation.feedback set given_at = now() - interval '2 days' where source = 'http'",
        )
        .await;
    it.run().await;
    let left = "select count(*) from conversation.feedback where source = ";
    assert_eq!(it.count(&format!("{left} 'slack'")).await, 2);
    assert_eq!(
        it.count(&format!("{left} 'http' and not is_pending")).await,
        6
    );
}

const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

async fn start_with_slack() -> Fixture {
    crate::common::start_with(&[
        ("SLACK_SIGNING_SECRET", SECRET),
        ("SLACK_ROBEINGS", r#"{"A1": "r1"}"#),
    ])
    .await
}

#[tokio::test]
async fn a_reaction_of_an_erased_person_is_not_stored_again_when_slack_delivers_it_again() {
    let it = start_with_slack().await;
    let now = jiff::Timestamp::now().as_second();
    let ts = format!("{}.000001", now - 60);
    let send = async |event: Value| {
        let envelope = json!({"type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event_id": "Ev1",
                              "event": event});
        let reply = slack::send(&it.log, SECRET, &envelope).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    };
    let reaction = |at: i64| {
        json!({"type": "reaction_added", "user": "U7", "reaction": "+1", "event_ts": format!("{at}.000002"),
               "item": {"type": "message", "channel": "C1", "ts": ts}})
    };
    let said = json!({"type": "message", "channel": "C1", "channel_type": "channel", "user": "U8", "ts": ts,
                      "text": "hello"});
    send(said).await;
    send(reaction(now - 50)).await;
    let given = "select count(*) from conversation.feedback where removed_at is null";
    assert_eq!(it.count(given).await, 1);
    done(&it.erase(json!({"slack_user_id": "U7"})).await);
    send(reaction(now - 50)).await;
    assert_eq!(it.count(given).await, 0);
    assert!(!it.dump().await.contains("U7"));
    // A new reaction is one.
    send(reaction(now + 60)).await;
    assert_eq!(it.count(given).await, 1);
    let page = it.log.get("/v1/robeings/r1/feedback").await.json();
    assert_eq!(page["items"][0]["slack_user_id"], "U7");
}

/// Feedback on one message, each as its comment, the giver's Slack id if one is named, and the name of the caller.
async fn start_with_callers(rows: &[(&str, Option<&str>, &str)]) -> Fixture {
    let it = start().await;
    let id = it.stored(said("r1", LEE, "hello", "now")).await;
    for (n, (comment, slack_user, agent)) in rows.iter().enumerate() {
        let slack_user = slack_user.map_or("null".to_owned(), |id| format!("'{id}'"));
        it.database
            .run(&format!(
                "insert into conversation.feedback
                     (id, key, message_id, robeing_id, name, comment, source, slack_user_id, agent, given_at)
                 values ('00000000-0000-7000-8000-00000000000{n}', gen_random_uuid(), '{id}', 'r1', 'helpful', '{comment}', 'http', {slack_user}, '{agent}', now())"
            ))
            .await;
    }
    it
}

/// The comments of an export.
async fn exported(it: &Fixture, subject: Value) -> Vec<String> {
    let lines = it.export(subject).await;
    let given = lines
        .iter()
        .filter(|it| it["table"] == "conversation.feedback");
    let comments = given.map(|it| it["comment"].as_str().unwrap_or_default().to_owned());
    comments.collect()
}

#[tokio::test]
async fn a_caller_gave_only_the_feedback_that_names_nobody() {
    let simple = KIM.replace('-', "").to_uppercase();
    let it = start_with_callers(&[
        ("own", None, KIM),
        ("own by other spelling", None, &simple),
        ("of bob", Some("UBOB"), KIM),
        ("of nobody", None, &format!("app {KIM}")),
    ])
    .await;
    let own = ["own", "own by other spelling"];
    assert_eq!(exported(&it, json!({"user_id": KIM})).await, own);
    done(&it.erase(json!({"user_id": KIM})).await);
    assert_eq!(comments(&it).await, ["of bob", "of nobody"]);
    // Bob's feedback stays, without the name of the caller.
    let named = format!("select count(*) from conversation.feedback where agent = '{KIM}'");
    assert_eq!(it.count(&named).await, 0);
    assert_eq!(
        exported(&it, json!({"slack_user_id": "UBOB"})).await,
        ["of bob"]
    );
}

#[tokio::test]
async fn the_name_of_a_caller_is_compared_with_an_id_as_a_whole() {
    let it = start_with_callers(&[
        ("1", None, "wr-a"),
        ("2", None, "WR-a"),
        ("3", None, "app WR"),
        ("4", None, "WR"),
        ("5", None, "u0bot-service"),
        ("6", None, "U0BOT"),
        ("7", None, "U0BOT service"),
    ])
    .await;
    assert_eq!(exported(&it, json!({"slack_user_id": "WR"})).await, ["4"]);
    done(&it.erase(json!({"slack_user_id": "WR"})).await);
    assert_eq!(comments(&it).await, ["1", "2", "3", "5", "6", "7"]);
    done(&it.erase(json!({"user_id": "U0BOT"})).await);
    assert_eq!(comments(&it).await, ["1", "2", "3", "5", "7"]);
}

#[tokio::test]
async fn feedback_by_one_slack_id_in_two_teams_is_erased_and_exported_by_team() {
    for known in ["", "T7"] {
        let it = start().await;
        let id = it.stored(said("r1", LEE, "hello", "now")).await;
        for giver in ["T7:UQQ", "T8:UQQ", "UQQ"] {
            give(&it, &id, giver, giver).await;
        }
        if known == "T7" {
            let name = format!("insert into conversation.slack_user values ('T7', 'UQQ', '{KIM}')");
            it.database.run(&name).await;
        }
        for giver in ["T7:UQQ", "T8:UQQ"] {
            let given = exported(&it, json!({"user_id": giver})).await;
            assert_eq!(
                given
                    .iter()
                    .filter(|it| it.starts_with('T'))
                    .collect::<Vec<_>>(),
                [giver]
            );
        }
        done(&it.erase(json!({"slack_user_id": "T8:UQQ"})).await);
        assert_eq!(comments(&it).await, ["T7:UQQ", "UQQ"]);
        let again = it
            .app
            .post("/v1/erasures", json!({"user_id": "T9:UQQ"}))
            .await;
        assert_eq!(again.status, 404);
        if known == "T7" {
            done(&it.erase(json!({"user_id": KIM})).await);
        } else {
            assert_eq!(
                exported(&it, json!({"user_id": "UQQ"})).await,
                ["T7:UQQ", "UQQ"]
            );
            done(&it.erase(json!({"user_id": "UQQ"})).await);
        }
        assert_eq!(comments(&it).await, Vec::<String>::new());
        assert!(!it.dump().await.contains("UQQ"));
    }
}

#[tokio::test]
async fn an_export_by_a_slack_id_of_several_teams_has_the_feedback_of_none() {
    let it = start().await;
    let id = it.stored(said("r1", LEE, "hello", "now")).await;
    for giver in ["T7:UQQ", "T8:UQQ", "UQQ"] {
        give(&it, &id, giver, giver).await;
    }
    assert_eq!(exported(&it, json!({"user_id": "UQQ"})).await, ["UQQ"]);
    done(&it.erase(json!({"user_id": "UQQ"})).await);
    assert_eq!(comments(&it).await, Vec::<String>::new());
}

/// The person of team `T1` and the one of `T2` have one Slack id, and the one of `T2` reacts in a channel of `T1`.
async fn start_with_a_reaction_in_a_shared_channel(is_shared: &Value, others: &[&str]) -> Fixture {
    let it = start_with_slack().await;
    let now = jiff::Timestamp::now().as_second();
    let ts = |n: usize| format!("{}.{n:06}", now - 60);
    let said = |user: &str, team: &str, n: usize| {
        json!({"type": "message", "channel": "C1", "channel_type": "channel", "user": user, "user_team": team,
               "ts": ts(n), "text": format!("hello from {team}")})
    };
    let mut events = vec![said("U8", "T1", 0)];
    events.extend(others.iter().zip(1..).map(|(team, n)| said("U2", team, n)));
    events.push(
        json!({"type": "reaction_added", "user": "U2", "reaction": "+1", "event_ts": format!("{now}.000002"),
               "item": {"type": "message", "channel": "C1", "ts": ts(0)}}),
    );
    for (event, n) in events.into_iter().zip(1..) {
        let envelope = json!({"type": "event_callback", "team_id": "T1", "api_app_id": "A1", "event_id": format!("Ev{n}"),
                              "is_ext_shared_channel": is_shared, "event": event});
        let reply = slack::send(&it.log, SECRET, &envelope).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    it
}

#[tokio::test]
async fn a_reaction_in_a_shared_channel_is_erased_with_the_person_of_any_team() {
    let of_t2 = "select count(*) from conversation.feedback where slack_user_id = 'U2'";
    for (is_shared, others) in [
        (json!(true), &[][..]),
        (json!(true), &["T1"]),
        (json!(true), &["T1", "T2"]),
        (Value::Null, &["T2"]),
    ] {
        let mut subjects = vec![json!({"user_id": "T2:U2"})];
        if others.contains(&"T2") {
            subjects.push(Value::Null);
        }
        for mut subject in subjects {
            let it = start_with_a_reaction_in_a_shared_channel(&is_shared, others).await;
            assert_eq!(it.count(of_t2).await, 1);
            if subject.is_null() {
                let client = it.database.client().await;
                let known =
                    "select user_id::text from conversation.slack_user where team_id = 'T2'";
                let known = client.query_typed_one(known, &[]).await.expect("a person");
                subject = json!({"user_id": known.get::<_, String>(0)});
                let lines = it.export(subject.clone()).await;
                let of = |it: &&Value| it["table"] == "conversation.feedback";
                let is_certain = !others.contains(&"T1");
                assert_eq!(lines.iter().filter(of).count(), usize::from(is_certain));
            }
            done(&it.erase(subject.clone()).await);
            assert_eq!(it.count(of_t2).await, 0, "{subject} {others:?}");
            let messages = "select count(*) from conversation.log where message is not null";
            let stay = 1 + i64::from(others.contains(&"T1"));
            assert_eq!(it.count(messages).await, stay, "{subject} {others:?}");
        }
    }
}

#[tokio::test]
async fn an_export_reads_feedback_in_steps_of_a_bounded_size_and_all_of_it_once() {
    let it = start().await;
    let mut last = String::new();
    for n in 0..3 {
        last = it
            .stored(said("r1", KIM, &format!("hello {n}"), "now"))
            .await;
    }
    // Feedback on few messages with short and with long comments, the last of which is not stored.
    it.database
        .run(&format!(
            "insert into conversation.feedback
                 (id, key, message_id, robeing_id, name, comment, source, user_id, given_at)
             select gen_random_uuid(), gen_random_uuid(),
                    case when n % 60 = 59 then '{last}' else md5((n % 60)::text)::uuid end, 'r1', 'n' || n,
                    repeat('x', case when n % 60 < 30 then 10 else 3900 end), 'http', '{LEE}', now()
             from generate_series(1, 6000) as n"
        ))
        .await;
    let person = Person {
        user_ids: vec![LEE.parse().expect("an id")],
        ..Person::default()
    };
    for (identity, rest) in [
        (Identity::Person(person), 0),
        (Identity::Robeing("r1".to_owned()), 3),
    ] {
        let subject = Subject {
            identity,
            robeings: None,
            everything: true,
        };
        let mut client = it.database.client().await;
        let db = scoped::begin(&mut client, &Scope::all(ROBEINGS))
            .await
            .expect("a transaction");
        let (mut after, mut names, mut messages) = (Uuid::nil(), Vec::new(), 0);
        loop {
            let owner = message_log::personal::Conversations;
            let step = owner.export(&db, &subject, after).await.expect("a step");
            let bytes: usize = step.done.iter().map(String::len).sum();
            assert!(step.done.len() <= 2_200 && bytes < 5_000_000, "{bytes}");
            for line in &step.done {
                let line: Value = serde_json::from_str(line).expect("JSON");
                match line["table"].as_str() {
                    Some("conversation.feedback") => names.push(line["name"].to_string()),
                    Some("conversation.log") => messages += 1,
                    _ => {}
                }
            }
            match step.next {
                Some(next) => after = next,
                None => break,
            }
        }
        assert_eq!((names.len(), messages), (6_000, rest));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 6_000);
    }
}

#[tokio::test]
async fn the_feedback_of_a_person_is_found_by_indexes() {
    let it = start().await;
    it.database
        .run(
            "insert into conversation.feedback
                 (id, key, message_id, robeing_id, name, value, source, user_id, slack_user_id, slack_names, agent, given_at)
             select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'r1', 'helpful', '1', 'http',
                    case when n % 3 = 0 then gen_random_uuid() end, case when n % 3 = 1 then 'U' || n end,
                    case when n % 3 = 1 then array['T1:U' || n] end, gen_random_uuid(), now()
             from generate_series(1, 20000) as n;
             analyze conversation.feedback",
        )
        .await;
    let subject = Subject {
        identity: Identity::Person(Person {
            user_ids: vec![KIM.parse().expect("an id")],
            slack_user_ids: vec!["U7".to_owned()],
            slack_names: vec!["T1:U7".to_owned()],
            ..Person::default()
        }),
        robeings: None,
        everything: true,
    };
    let owner = message_log::personal::Conversations;
    let mut client = it.database.client().await;
    let db = scoped::begin(&mut client, &Scope::all(ROBEINGS))
        .await
        .expect("a transaction");
    let held = owner.held(&db, &subject).await.expect("counts");
    assert_eq!(held.get("conversation.feedback"), Some(&1));
    let nil = Uuid::nil();
    owner.export(&db, &subject, nil).await.expect("a step");
    owner.erase(&db, &subject, nil).await.expect("a step");
    let read = "select seq_scan from pg_stat_xact_user_tables where relid = 'conversation.feedback'::regclass";
    let read = db.query_typed_one(read, &[]).await.expect("statistics");
    assert_eq!(read.get::<_, i64>(0), 0);
}
