use super::time::{id_at, v7};
use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn window() -> TimeWindow {
    TimeWindow::new(
        at("2026-11-25T12:00:00Z"),
        SignedDuration::from_hours(24 * 400),
    )
}

fn of(key: &str, created_at: Option<&str>) -> Result<RowIdentity, AheadOfTime> {
    let key = Key::of_sender(key);
    RowIdentity::of(
        "r1",
        "http",
        Some(&key),
        created_at.map(at),
        None,
        0,
        &window(),
    )
}

#[test]
fn a_version_7_uuid_as_key_needs_no_ledger() {
    let id = "019abc00-0000-7abc-8000-000000000001";
    let identity = of(id, None).unwrap();
    assert_eq!(identity.id.to_string()[..28], id[..28]);
    assert_eq!(identity.ledger_key, None);
    assert_eq!(of(id, None).unwrap(), identity);
    let key = Key::of_sender(id);
    let others = RowIdentity::of("r2", "http", Some(&key), None, None, 0, &window()).unwrap();
    assert_ne!(others.id, identity.id);
    assert_ne!(
        identity.id.to_string(),
        id,
        "a sender can't choose the id of a row"
    );
}

#[test]
fn any_other_key_goes_to_the_ledger_and_the_row_has_the_time_of_the_message() {
    let told = of("order-1", Some("2026-11-25T11:00:00.000001Z")).unwrap();
    assert!(told.ledger_key.is_some());
    assert_eq!(told.created_at, at("2026-11-25T11:00:00.000001Z"));
    let again = of("order-1", None).unwrap();
    assert_eq!(again.ledger_key, told.ledger_key);
    assert_ne!(again.id, told.id);
}

#[test]
fn an_imported_message_is_stored_at_its_own_time_and_not_at_the_time_of_its_new_id() {
    let id = "019abc00-0000-7abc-8000-000000000001";
    let imported = of(id, Some("2026-02-01T00:00:00Z")).unwrap();
    assert_eq!(time_of(imported.id), Some(at("2026-02-01T00:00:00Z")));
    assert!(imported.ledger_key.is_some());
}

#[test]
fn an_old_message_is_stored_at_the_oldest_time_and_a_time_far_ahead_is_refused() {
    let old = of("a", Some("1970-01-01T00:00:00Z")).unwrap();
    assert_eq!(old.created_at, window().oldest);
    assert!(of("a", Some("2026-11-26T11:00:00Z")).is_ok());
    assert!(of("a", Some("2026-11-26T13:00:00Z")).is_err());
}

#[test]
fn keys_of_different_parts_differ_however_their_texts_join() {
    let parts = [
        &["/a b", "c"] as &[&str],
        &["/a", "b c"],
        &["/a", "b", "c"],
        &["/a b c"],
        &["/a\",\"b c"],
        &["/a\\", "b c"],
        &["", "/a b c"],
        &["/a b c", ""],
    ];
    let texts = parts.map(|parts| Key::of_parts(parts).text);
    let unique: std::collections::BTreeSet<_> = texts.iter().collect();
    assert_eq!(unique.len(), parts.len(), "{texts:?}");
}

#[test]
fn a_publishers_id_of_any_length_becomes_a_key_that_can_be_stored() {
    let long = |end: &str| Key::of_publisher(&("x".repeat(100_000) + end));
    assert_eq!(long("1").text, long("1").text);
    assert_ne!(long("1").text, long("2").text);
    assert!(long("1").text.len() <= 36 && long("1").time.is_none());
    assert!(!Key::of_publisher("a\0b").text.contains('\0'));
    assert_eq!(Key::of_publisher("order-1").text, "order-1");
    let (source, id) = ("s".repeat(300), "i".repeat(300));
    assert!(Key::of_parts(&[&source, &id]).text.len() <= 36);
}

#[test]
fn a_key_of_content_carries_no_time() {
    for number in 0..100 {
        let key = Key::of_content(&serde_json::json!({ "n": number }));
        assert_eq!(v7(&key.text), None);
        assert_eq!(key.time, None);
    }
}

#[test]
fn a_version_7_uuid_with_another_time_gives_a_row_at_that_time() {
    let text = "019abc00-0000-7abc-8000-000000000001".to_owned();
    let time = Some(at("2026-11-25T11:00:00Z"));
    let key = Key {
        text,
        time,
        order: None,
    };
    let identity = RowIdentity::of("r1", "sqs", Some(&key), None, time, 0, &window()).unwrap();
    assert_eq!(time_of(identity.id), time);
}

#[test]
fn rows_of_one_time_have_the_order_of_their_queues_numbers_or_their_senders_ids() {
    let time = Some(at("2026-11-25T11:00:00Z"));
    let queues = |name: &str, number: &str| {
        let text = name.to_owned();
        let key = Key {
            text,
            time,
            order: None,
        }
        .in_order(Some(number));
        RowIdentity::of("r1", "sqs", Some(&key), None, time, 0, &window()).unwrap()
    };
    let publishers = |name: &str, number: &str| {
        let key = Key::of_sender(name).in_order(Some(number));
        RowIdentity::of("r1", "sqs", Some(&key), None, time, 0, &window()).unwrap()
    };
    let senders = |name: &str, _: &str| {
        let key = Key::of_sender(format!("019abc00-0000-7abc-8000-{name}00000000000"));
        RowIdentity::of("r1", "sqs", Some(&key), None, time, 0, &window()).unwrap()
    };
    // Twenty digits, which need more than 64 bits.
    let numbers = [
        "18849496460467696128",
        "18849496460467696129",
        "18849496460467710000",
    ];
    let names = ["a", "c", "b"];
    for identify in [&queues as &dyn Fn(&str, &str) -> RowIdentity, &publishers] {
        let ids: Vec<Uuid> = (0..3)
            .map(|at| identify(names[at], numbers[at]).id)
            .collect();
        assert!(ids.is_sorted(), "{ids:?}");
    }
    // The numbers of a stream have 56 digits.
    let shard = |end: &str| "4959033827149025660855969253836157109592157598913".to_owned() + end;
    assert!(queues("b", &shard("6588898")).id < queues("a", &shard("6588899")).id);
    assert!(senders("1", "").id < senders("2", "").id);
    assert_eq!(queues("a", "7").id, queues("a", "7").id);
    assert_ne!(queues("a", "7").id, queues("b", "7").id);
    assert_eq!(queues("a", "7").ledger_key, None);
}

#[test]
fn ids_have_the_order_of_their_times_and_within_one_time_of_the_batch() {
    let key = |position| {
        let time = Some(at("2026-11-25T11:00:00Z"));
        RowIdentity::of("r1", "http", None, time, None, position, &window())
            .unwrap()
            .id
    };
    assert!(key(0) < key(1) && key(1) < key(999));
    let (one, two) = (
        at("2026-11-25T11:00:00.000001Z"),
        at("2026-11-25T11:00:00.000002Z"),
    );
    assert!(id_at(one, u64::MAX) < id_at(two, 0));
    assert!(first_id_at(one) < id_at(one, 0));
    assert_eq!(id_at(one, 0).get_version_num(), 7);
}

#[test]
fn the_places_of_a_key_have_the_row_of_any_message_with_it() {
    for text in ["019abc00-0000-7abc-8000-000000000001", "order-1"] {
        let places = Places::of("r1", "http", &Key::of_sender(text));
        for created_at in [None, Some("2026-02-01T00:00:00Z")] {
            let row = of(text, created_at).unwrap();
            match row.ledger_key {
                None => assert_eq!(Some(row.id), places.id, "{text}"),
                Some(key) => assert_eq!(key, places.ledger_key, "{text}"),
            }
        }
    }
}
