//! Lists and exports.

use std::sync::Arc;

use futures::TryStreamExt as _;
use jiff::{SignedDuration, Timestamp};
use kit::audit::record_many;
use people::Actor;
use people::audit::{ActorKind, AuditEntry, Filter};
use platform::Caller;
use platform::auth::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Log, log};

async fn subjects(log: &Log, filter: Filter) -> Vec<String> {
    let found = log.people.audit_entries(&filter, None, 100).await;
    let found = found.expect("entries").into_iter();
    found.map(|entry| entry.subject).collect()
}

#[tokio::test]
async fn an_entry_says_who_did_what_to_what_when_and_from_where() {
    let log = log().await;
    let person = Uuid::now_v7();
    let actor = Actor::person(person, Some([192, 0, 2, 7].into()));
    let before = Timestamp::now() - SignedDuration::from_secs(5);
    log.record("token.revoke", "t1", &actor).await;
    let found = log
        .people
        .audit_entries(&Filter::default(), None, 10)
        .await
        .unwrap();
    let [entry]: [AuditEntry; 1] = found.try_into().unwrap();
    assert_eq!(entry.seq, None);
    assert!(entry.at > before && entry.at < Timestamp::now() + SignedDuration::from_secs(5));
    assert_eq!(
        (entry.action.as_str(), entry.subject.as_str()),
        ("token.revoke", "t1")
    );
    assert_eq!(
        entry.detail,
        json!({"role": {"old": "reader", "new": "admin"}, "n": 1.5})
    );
    assert_eq!(entry.actor_kind, ActorKind::Person);
    assert_eq!(entry.actor, Some(person.to_string()));
    assert_eq!(entry.address.as_deref(), Some("192.0.2.7"));
}

#[tokio::test]
async fn tokens_of_one_name_are_told_apart_by_their_id() {
    let log = log().await;
    let ids = [1, 2].map(Uuid::from_u128);
    for id in ids {
        let caller = Caller::of_token(id, "bot".into(), Role::Admin, Arc::default());
        log.record("token.revoke", "t1", &Actor::of(&caller, None))
            .await;
    }
    log.chain.sweep().await.unwrap();
    let found = log.people.audit_entries(&Filter::default(), None, 10).await;
    let found: Vec<Option<String>> = found.unwrap().into_iter().map(|it| it.token).collect();
    let [first, second] = ids.map(|id| Some(id.to_string()));
    assert_eq!(found, [second, first]);
    // Nobody gives an entry to another token unnoticed.
    assert_eq!(log.fault().await, None);
    log.database
        .run("update people.audit set personal = personal || '{\"token\": null}'")
        .await;
    assert_eq!(log.fault().await.unwrap().seq, Some(1));
}

#[tokio::test]
async fn a_service_with_the_id_of_a_person_as_its_name_is_not_listed_as_the_person() {
    let log = log().await;
    let ids = [super::emptied::person(&log, false).await, Uuid::now_v7()];
    for id in ids {
        let name = id.to_string();
        let caller = Caller::service(name.into(), Role::Admin, Arc::default());
        log.record("token.revoke", "by a service", &Actor::of(&caller, None))
            .await;
    }
    log.record("token.revoke", "by a person", &Actor::person(ids[0], None))
        .await;
    for (id, expected) in ids.iter().zip(["by a person", "by a service"]) {
        let filter = Filter {
            actor: Some(id.to_string()),
            ..Filter::default()
        };
        assert_eq!(subjects(&log, filter).await, [expected]);
    }
}

#[tokio::test]
async fn a_list_has_what_the_filter_says_newest_first() {
    let log = log().await;
    let kim = Actor::person(Uuid::from_u128(7), None);
    for (action, subject, actor) in [
        ("token.create", "t1", &kim),
        ("token.revoke", "t1", &Actor::command()),
        ("person.invite", "p1", &kim),
        ("tokens", "t2", &kim),
    ] {
        log.record(action, subject, actor).await;
    }
    let text = |text: &str| Some(text.to_owned());
    let all = subjects(&log, Filter::default()).await;
    assert_eq!(all, ["t2", "p1", "t1", "t1"]);
    let filter = Filter {
        action: text("token."),
        ..Filter::default()
    };
    assert_eq!(subjects(&log, filter).await, ["t1", "t1"]);
    // A text, and no pattern.
    let filter = Filter {
        action: text("token_"),
        ..Filter::default()
    };
    assert!(subjects(&log, filter).await.is_empty());
    let filter = Filter {
        subject: text("t1"),
        actor: text(&Uuid::from_u128(7).to_string()),
        ..Filter::default()
    };
    assert_eq!(subjects(&log, filter).await, ["t1"]);

    let entries = log
        .people
        .audit_entries(&Filter::default(), None, 10)
        .await
        .unwrap();
    let filter = Filter {
        since: Some(entries[1].at),
        until: Some(entries[0].at),
        ..Filter::default()
    };
    assert_eq!(subjects(&log, filter).await, ["p1"]);
}

#[tokio::test]
async fn pages_and_an_export_have_each_entry_once_in_the_same_order() {
    let log = log().await;
    record_many(&log.database.client().await, 2_500).await;
    let (mut listed, mut after): (Vec<Uuid>, Option<Uuid>) = (Vec::new(), None);
    loop {
        let page = log
            .people
            .audit_entries(&Filter::default(), after, 300)
            .await
            .unwrap();
        listed.extend(page.iter().map(|entry| entry.id));
        after = page.last().map(|entry| entry.id);
        if page.len() < 300 {
            break;
        }
    }
    let parts: Vec<String> = log
        .people
        .audit_export(Filter::default())
        .try_collect()
        .await
        .unwrap();
    let exported = parts.concat();
    let exported: Vec<Uuid> = exported
        .lines()
        .map(|line| {
            let entry: Value = serde_json::from_str(line).unwrap();
            entry["id"].as_str().unwrap().parse().unwrap()
        })
        .collect();
    assert_eq!(listed.len(), 2_500);
    assert_eq!(exported, listed);
    let mut distinct = listed;
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 2_500);
}

#[tokio::test]
async fn an_index_finds_the_newest_entries_of_a_subject_and_of_an_actor() {
    let log = log().await;
    let client = log.database.client().await;
    record_many(&client, 20_000).await;
    log.database.run("analyze people.audit").await;
    for (condition, index) in [
        ("subject = 'robeing-7'", "audit_by_subject"),
        ("personal ->> 'actor' = 'service-7'", "audit_by_actor"),
    ] {
        // As the list is when the parameters have their values.
        let sql = format!(
            "explain select audit.id, seq, at from people.audit
             left join people.audit_link on audit_id = audit.id
             where {condition} order by at desc, audit.id desc limit 20"
        );
        let rows = client.query_typed(&sql, &[]).await.unwrap();
        let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let plan = lines.join("\n");
        assert!(plan.contains(index), "{plan}");
    }
}
