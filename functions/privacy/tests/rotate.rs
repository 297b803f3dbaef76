//! An old key can be removed once everything that it wrapped and signed is wrapped and signed again.

use platform::postgres::types::Type;
use privacy::rotate::{self, Fault, Usage};
use privacy::run;
use serde_json::{Value, json};

use crate::common::{Fixture, KIM, LEE, killed_after, said, start};

const OLD_KEY: &str = "0808080808080808080808080808080808080808080808080808080808080808";
const NEW_KEY: &str = "0909090909090909090909090909090909090909090909090909090909090909";

/// An archived month of two people, and the receipts of two erasures, all by the old key.
async fn filled() -> Fixture {
    let it = start().await;
    for (user, text) in [(KIM, "hello"), (LEE, "goodbye")] {
        it.stored(said("r1", user, text, "2025-08-10")).await;
        it.stored(said("r2", user, text, "2025-08-11")).await;
    }
    it.roll_up().await;
    it.run().await;
    for n in 1..=2 {
        let user = format!("0190b2a0-0000-7000-8000-0000000001{n:02}");
        it.stored(said("r1", &user, "erase me", "now")).await;
        it.erase(json!({"user_id": user})).await;
    }
    it
}

async fn usages(it: &Fixture, keys: &str) -> rotate::Usages {
    let privacy = it.privacy_with(&[("PRIVACY_KEY", keys)]);
    rotate::usages(&privacy).await.expect("the usages")
}

async fn run_with(it: &Fixture, keys: &str) -> Value {
    let privacy = it.privacy_with(&[("PRIVACY_KEY", keys)]);
    let report = run::run(&privacy).await.expect("a run");
    serde_json::to_value(report).unwrap()
}

/// Asserts that everything can be read and verified with this key alone.
async fn assert_enough(it: &Fixture, key: &str) {
    let used = usages(it, key).await;
    assert_eq!((used.locked, &used.fault), (0, &None));
    assert!(run_with(it, key).await.get("rotation").is_none());
    let privacy = it.privacy_with(&[("PRIVACY_KEY", key)]);
    let client = it.database.client().await;
    let rows = client.query_typed("select id from privacy.person_key", &[]);
    let ids: Vec<i64> = rows.await.unwrap().iter().map(|it| it.get(0)).collect();
    let keys = privacy::archive::keys_by_id(&privacy, &ids).await.unwrap();
    let mut text = String::new();
    for (_, body) in it.objects("archive") {
        privacy::archive::file::read(
            body.into(),
            |_| true,
            |mut row| {
                if let Some(key) = row.key_id.and_then(|id| keys.get(&id)) {
                    row.open(key)?;
                    text += &row.json()?;
                }
                Ok(())
            },
        )
        .expect("an archive");
    }
    assert!(text.contains("hello") && text.contains("goodbye"), "{text}");
}

#[tokio::test]
async fn after_a_rotation_and_a_run_the_old_key_can_be_removed_and_everything_verifies() {
    let it = filled().await;
    let all = Usage {
        archive_keys: 4,
        receipts: 2,
    };
    let none = Usage::default();
    // While the new key is only appended, nothing changes.
    let both = format!("{OLD_KEY},{NEW_KEY}");
    assert_eq!(usages(&it, &both).await.keys, [all, none]);
    let rotation = &run_with(&it, &both).await["rotation"];
    assert_eq!(
        (&rotation["archive_keys"], &rotation["receipts"]),
        (&json!(0), &json!(0))
    );

    let both = format!("{NEW_KEY},{OLD_KEY}");
    let before = usages(&it, &both).await;
    assert_eq!((&*before.keys, before.unused()), (&[none, all][..], vec![]));
    assert_eq!(
        run_with(&it, &both).await["rotation"],
        json!({"archive_keys": 4, "receipts": 2, "unused_keys": [2]})
    );
    assert_eq!(
        run_with(&it, &both).await["rotation"],
        json!({"archive_keys": 0, "receipts": 0, "unused_keys": [2]})
    );
    assert_eq!(usages(&it, &both).await.keys, [all, none]);
    assert_enough(&it, NEW_KEY).await;
    // With the old key alone, nothing opens and nothing verifies.
    let locked = usages(&it, OLD_KEY).await;
    assert_eq!(locked.locked, 4);
    assert_eq!(locked.fault, Some(Fault::NotSigned(1)));
}

#[tokio::test]
async fn a_rotation_that_is_killed_at_any_await_point_is_completed_by_the_next_run() {
    let both = format!("{NEW_KEY},{OLD_KEY}");
    let it = filled().await;
    for waits in 1.. {
        // Back to the old key: a rotation in the other direction.
        run_with(&it, &format!("{OLD_KEY},{NEW_KEY}")).await;
        let privacy = it.privacy_with(&[("PRIVACY_KEY", &both)]);
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let ended = killed_after(waits, rotate::run(&privacy, until)).await;
        drop(privacy);
        let used = usages(&it, &both).await;
        assert_eq!((used.locked, used.fault), (0, None), "killed after {waits}");
        assert_eq!(
            run_with(&it, &both).await["rotation"]["unused_keys"],
            json!([2])
        );
        assert_enough(&it, NEW_KEY).await;
        if ended.is_some() {
            assert!(waits > 4, "{waits} waits");
            break;
        }
    }
}

#[tokio::test]
async fn a_receipt_that_was_changed_is_not_signed_again_and_keeps_the_old_key_in_use() {
    let it = filled().await;
    it.database
        .run("update privacy.receipt set body = body || ' ' where number = 2")
        .await;
    let both = format!("{NEW_KEY},{OLD_KEY}");
    let privacy = it.privacy_with(&[("PRIVACY_KEY", &both)]);
    let error = run::run(&privacy).await.unwrap_err().to_string();
    assert!(error.starts_with("receipt 2 was changed"), "{error}");
    let used = usages(&it, &both).await;
    assert_eq!(used.fault, Some(Fault::Changed(2)));
    assert_eq!(used.unused(), [0; 0]);
    let client = it.database.client().await;
    let sql = "select signature from privacy.receipt where number = $1";
    let signature = async |number: i64| -> Vec<u8> {
        let values = [(&number as _, Type::INT8)];
        client.query_typed_one(sql, &values).await.unwrap().get(0)
    };
    let (first, second) = (signature(1).await, signature(2).await);
    run::run(&privacy).await.unwrap_err();
    assert_eq!((signature(1).await, signature(2).await), (first, second));
}

#[tokio::test]
async fn receipts_are_signed_again_although_a_key_of_the_archive_is_damaged() {
    let it = filled().await;
    it.database
        .run(
            "update privacy.person_key
             set wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)
             where id = (select min(id) from privacy.person_key)",
        )
        .await;
    let both = format!("{NEW_KEY},{OLD_KEY}");
    let privacy = it.privacy_with(&[("PRIVACY_KEY", &both)]);
    let error = run::run(&privacy).await.unwrap_err().to_string();
    assert!(error.contains("of the archive"), "{error}");
    let keys = [(3, 2), (1, 0)].map(|(archive_keys, receipts)| Usage {
        archive_keys,
        receipts,
    });
    assert_eq!(usages(&it, &both).await.keys, keys);
}
