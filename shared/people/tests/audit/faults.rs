//! Whatever is done to the log afterwards is found.

use kit::audit::record_many;
use people::audit::FaultKind;
use platform::store::Put;
use serde_json::Value;

use super::{KEY, Log, OTHER_KEY, bot, log};

/// A log of six entries with an anchor after the third and one after the sixth.
async fn six() -> Log {
    let log = log().await;
    // Whoever changes the log removes what is in the way.
    log.database
        .run("alter table people.audit_link drop constraint audit_link_seq_check")
        .await;
    for _ in 0..2 {
        log.record_some(3).await;
        log.chain.sweep().await.expect("a sweep");
    }
    assert_eq!(log.fault().await, None);
    log
}

/// The entry at a number.
fn at(seq: i64) -> String {
    format!("(select audit_id from people.audit_link where seq = {seq})")
}

/// A new entry without a link.
const INSERT: &str = "insert into people.audit (id, action, subject_kind, subject, detail, actor_kind, personal_digest)
    values ('0190b2a0-0000-7000-8000-000000000001', 'token.create', 'token', 't9', '{}', 'command', decode(repeat('00', 32), 'hex'))";

/// Makes room in the chain after the third entry, in which nothing is.
const SHIFT: &str = "update people.audit_link set seq = -seq where seq > 3;
    update people.audit_link set seq = 1 - seq where seq < 0;
    update people.audit_head set seq = 7";

#[tokio::test]
async fn a_change_of_the_database_is_found_and_named() {
    use FaultKind::{Changed, Cut, Inserted, Removed, Reordered};
    let changed = |set: &str| format!("update people.audit set {set} where id = {}", at(2));
    let cases = [
        (changed("action = 'token.create'"), Changed, Some(2)),
        (changed("at = at + interval '1 microsecond'"), Changed, Some(2)),
        (changed("subject = 't7'"), Changed, Some(2)),
        (changed("subject_kind = 'person'"), Changed, Some(2)),
        (changed("detail = detail || '{\"n\": 1.50}'"), Changed, Some(2)),
        (changed("actor_kind = 'person'"), Changed, Some(2)),
        (changed("request_id = ''"), Changed, Some(2)),
        (changed("personal = '{\"actor\": \"kim\", \"address\": null}'"), Changed, Some(2)),
        (changed("personal_digest = sha256('x')"), Changed, Some(2)),
        ("update people.audit_link set digest = sha256('x') where seq = 6".to_owned(), Changed, Some(6)),
        ("update people.audit_head set digest = sha256('x')".to_owned(), Changed, Some(6)),
        (format!("delete from people.audit where id = {}", at(4)), Removed, Some(4)),
        (
            format!("delete from people.audit where id = {}; delete from people.audit_link where seq = 4", at(4)),
            Removed,
            Some(4),
        ),
        ("delete from people.audit_link where seq > 4".to_owned(), Removed, Some(5)),
        (
            format!(
                "delete from people.audit where id = {}; delete from people.audit_link where seq = 4;
                 update people.audit_link set seq = seq - 1 where seq > 4;
                 update people.audit_head set seq = 5",
                at(4)
            ),
            Cut,
            Some(6),
        ),
        (INSERT.to_owned(), Inserted, None),
        (
            format!(
                "{SHIFT}; {INSERT}; insert into people.audit_link values (4, '0190b2a0-0000-7000-8000-000000000001', sha256('x'))"
            ),
            Inserted,
            Some(4),
        ),
        (
            format!(
                "{INSERT}; insert into people.audit_link values (7, '0190b2a0-0000-7000-8000-000000000001', sha256('x'))"
            ),
            Inserted,
            Some(7),
        ),
        (
            format!(
                "{INSERT}; insert into people.audit_link values (0, '0190b2a0-0000-7000-8000-000000000001', sha256('x'))"
            ),
            Inserted,
            Some(0),
        ),
        (
            format!(
                "{INSERT}; insert into people.audit_link values (-5, '0190b2a0-0000-7000-8000-000000000001', sha256('x'))"
            ),
            Inserted,
            Some(-5),
        ),
        (
            // With their digests.
            "update people.audit_link set seq = -seq where seq in (2, 3);
             update people.audit_link set seq = 5 + seq where seq < 0"
                .to_owned(),
            Reordered,
            Some(2),
        ),
        (
            // Without their digests.
            "create temporary table two as select seq, audit_id from people.audit_link where seq in (2, 5);
             update people.audit_link set audit_id = gen_random_uuid() where seq in (2, 5);
             update people.audit_link set audit_id = two.audit_id from two where audit_link.seq = 7 - two.seq"
                .to_owned(),
            Reordered,
            Some(2),
        ),
        (
            "delete from people.audit where id in (select audit_id from people.audit_link where seq > 4);
             delete from people.audit_link where seq > 4;
             update people.audit_head set (seq, digest, anchored_seq) = (select seq, digest, 3 from people.audit_link where seq = 4)"
                .to_owned(),
            Cut,
            Some(5),
        ),
        (
            "truncate people.audit, people.audit_link; delete from people.audit_head".to_owned(),
            Cut,
            Some(1),
        ),
        ("insert into people.audit_pending values (gen_random_uuid())".to_owned(), Removed, None),
        // The numbers of entries are right.
        (format!("{INSERT}; insert into people.audit_pending values (gen_random_uuid())"), Removed, None),
        (format!("{INSERT}; insert into people.audit_pending select {}", at(2)), Inserted, None),
        (changed("personal = null, salt = null"), Changed, Some(2)),
        (
            format!("alter table people.audit drop constraint audit_at_check; {}", changed("at = 'infinity'")),
            Changed,
            Some(2),
        ),
    ];
    for (change, kind, seq) in cases {
        let log = six().await;
        log.database.run(&change).await;
        let fault = log
            .fault()
            .await
            .unwrap_or_else(|| panic!("not found: {change}"));
        assert_eq!(
            (fault.kind, fault.seq),
            (kind, seq),
            "{fault:?} after {change}"
        );
    }
}

#[tokio::test]
async fn a_chain_that_was_computed_again_is_not_what_the_anchors_sign() {
    let log = six().await;
    log.database
        .run(
            "update people.audit set action = 'token.create' where id = (select audit_id from people.audit_link where seq = 5);
             insert into people.audit_pending select audit_id from people.audit_link;
             delete from people.audit_link;
             update people.audit_head set seq = 0, digest = decode(repeat('00', 32), 'hex'), anchored_seq = 0",
        )
        .await;
    // The sweep does it, and reports that the anchor is of another chain.
    let error = log.chain.sweep().await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("an anchor of another audit log at 6"),
        "{error}"
    );
    let fault = log.fault().await.unwrap();
    assert_eq!(
        (fault.kind, fault.seq),
        (FaultKind::Rewritten, Some(6)),
        "{fault:?}"
    );
    assert!(fault.detail.contains("after 3"), "{fault:?}");
}

#[tokio::test]
async fn an_entry_with_an_earlier_time_than_the_anchor_before_it_is_found() {
    let log = six().await;
    // A transaction may take a while from the entry to the commit.
    for (n, age, kind) in [
        (1, "50 minutes", None),
        (2, "70 minutes", Some(FaultKind::Inserted)),
    ] {
        let id = format!("0190b2a0-0000-7000-8000-00000000000{n}");
        let insert = INSERT.replace("0190b2a0-0000-7000-8000-000000000001", &id);
        log.database
            .run(&format!(
                "{insert};
                 update people.audit
                 set at = now() - interval '{age}', salt = '', personal = '{{}}',
                     personal_digest = sha256('\\x00' || int8send(0) || '\\x00' || int8send(0) || '\\x00' || int8send(0))
                 where id = '{id}';
                 insert into people.audit_pending values ('{id}')"
            ))
            .await;
        log.chain.sweep().await.unwrap();
        let fault = log.fault().await;
        assert_eq!(fault.as_ref().map(|it| it.kind), kind, "{age}: {fault:?}");
    }
}

#[tokio::test]
async fn a_missing_or_forged_anchor_is_found() {
    let anchor = |seq: i64| format!("audit/anchors/{seq:020}.json");
    for (missing, seq) in [(6, 6), (3, 3)] {
        let log = six().await;
        log.store.delete(&anchor(missing)).await.unwrap();
        let fault = log.fault().await.unwrap();
        assert_eq!(
            (fault.kind, fault.seq),
            (FaultKind::Anchor, Some(seq)),
            "{fault:?}"
        );
    }
    for (forged, field, value) in [
        (3, "digest", Value::from("00".repeat(32))),
        (6, "rows", Value::from(6)),
        (6, "at", Value::from("2026-01-01T00:00:00Z")),
        (6, "seq", Value::from(5)),
        (6, "signature", Value::from("")),
        (9, "seq", Value::from(9)),
    ] {
        let log = six().await;
        let body = log.store.get(&anchor(forged.min(6))).await.unwrap().body;
        let mut json: Value = serde_json::from_slice(&body).unwrap();
        json[field] = value;
        let body = json.to_string().into_bytes().into();
        log.store
            .put(&anchor(forged), body, Put::Always)
            .await
            .unwrap();
        let fault = log.fault().await.unwrap();
        assert_eq!(
            (fault.kind, fault.seq),
            (FaultKind::Anchor, Some(forged)),
            "{field}: {fault:?}"
        );
    }
}

#[tokio::test]
async fn an_anchor_verifies_as_long_as_its_key_is_in_the_keyring() {
    let log = six().await;
    let until = || std::time::Instant::now() + std::time::Duration::from_secs(60);
    let rotated = log.with_keys(&format!("{OTHER_KEY},{KEY}"));
    log.record_some(1).await;
    assert_eq!(rotated.sweep().await.unwrap().anchored_seq, 7);
    assert_eq!(rotated.verify(0, until()).await.unwrap().fault, None);
    let fault = log
        .with_keys(OTHER_KEY)
        .verify(0, until())
        .await
        .unwrap()
        .fault
        .unwrap();
    assert_eq!((fault.kind, fault.seq), (FaultKind::Anchor, Some(3)));
    // What follows can be verified still.
    let later = log.with_keys(OTHER_KEY).verify(6, until()).await.unwrap();
    assert_eq!((later.fault, later.anchors, later.seq), (None, 1, 7));
}

#[tokio::test]
async fn an_entry_that_is_emptied_without_an_erasure_is_found() {
    let log = six().await;
    log.record("token.revoke", "t1", &bot()).await;
    log.chain.sweep().await.unwrap();
    log.database
        .run(&format!(
            "update people.audit set personal = null, salt = null where id = {}",
            at(7)
        ))
        .await;
    let fault = log.fault().await.unwrap();
    assert_eq!((fault.kind, fault.seq), (FaultKind::Changed, None));
}

#[tokio::test]
async fn another_spelling_of_a_number_is_no_anchor() {
    let log = six().await;
    for name in ["5.json", "+5.json", "0.json"] {
        let key = format!("audit/anchors/{name}");
        let put = log.store.put(&key, "{}".into(), Put::Always).await;
        put.unwrap();
    }
    let verified = log.verified().await;
    assert_eq!((verified.fault, verified.anchors), (None, 2));
}

#[tokio::test]
async fn a_database_that_was_restored_continues_without_the_anchors_after_its_end() {
    let log = six().await;
    log.database
        .run(
            "delete from people.audit where id in (select audit_id from people.audit_link where seq > 4);
             delete from people.audit_link where seq > 4;
             update people.audit_head
             set (seq, digest, anchored_seq) = (select seq, digest, 3 from people.audit_link where seq = 4)",
        )
        .await;
    let fault = log.fault().await.unwrap();
    assert_eq!((fault.kind, fault.seq), (FaultKind::Cut, Some(5)));
    log.store
        .delete("audit/anchors/00000000000000000006.json")
        .await
        .unwrap();
    assert_eq!(log.fault().await, None);
    log.record_some(3).await;
    assert_eq!(log.chain.sweep().await.unwrap().anchored_seq, 7);
    let verified = log.verified().await;
    assert_eq!((verified.fault, verified.anchors), (None, 2));
}

#[tokio::test]
async fn anchors_of_a_long_log_are_found_in_all_lists_of_their_names() {
    let log = log().await;
    for rows in [12_000, 1, 9_000] {
        record_many(&log.database.client().await, rows).await;
        log.chain.sweep().await.unwrap();
    }
    let verified = log.verified().await;
    assert_eq!((verified.fault, verified.anchors), (None, 3));
    log.store
        .delete("audit/anchors/00000000000000012000.json")
        .await
        .unwrap();
    assert_eq!(log.fault().await.unwrap().seq, Some(12_000));
}
