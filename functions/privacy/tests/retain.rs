//! Expired data is deleted by the daily run.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::{KIM, LEE, said, start, start_with};

#[tokio::test]
async fn expired_messages_are_deleted_live_and_archived() {
    let it = start_with(&[("RETENTION_DAYS", "100")]).await;
    it.stored(said("r1", KIM, "archived", "2025-08-10")).await;
    it.stored(said("r1", KIM, "old question?", "2026-07-01"))
        .await;
    it.stored(said("r1", LEE, "young question?", "now")).await;
    it.roll_up().await;
    let ran = it.run().await;
    assert_eq!(ran["expired"]["conversation.log"], 2, "{ran}");
    assert!(!it.is_anywhere("archived").await);
    assert!(!it.is_anywhere("old question").await);
    assert!(it.is_anywhere("young question").await);
    assert_eq!(
        it.count("select count(*) from conversation.search_tail")
            .await,
        1
    );
    assert_eq!(it.run().await["expired"], json!({}));
}

#[tokio::test]
async fn the_retention_of_a_robeing_applies_to_it_alone() {
    let it = start().await;
    it.database
        .run(
            "insert into robeing.settings (id, robeing_id, system_settings)
              values (gen_random_uuid(), 'r1', '{\"memory_ttl_days\": 30}'),
                     (gen_random_uuid(), 'r2', '{\"debug_mode\": true}')",
        )
        .await;
    for robeing in ["r1", "r2"] {
        it.stored(said(
            robeing,
            KIM,
            &format!("{robeing} long ago"),
            "2026-10-01",
        ))
        .await;
        it.stored(said(robeing, KIM, &format!("{robeing} lately"), "now"))
            .await;
    }
    it.roll_up().await;
    assert_eq!(it.run().await["expired"]["conversation.log"], 1);
    for (text, stays) in [
        ("r1 long", false),
        ("r1 lately", true),
        ("r2 long", true),
        ("r2 lately", true),
    ] {
        assert_eq!(it.is_anywhere(text).await, stays, "{text}");
    }
}

#[tokio::test]
async fn the_archive_files_of_an_expired_month_are_removed() {
    let it = start().await;
    it.stored(said("r1", KIM, "archived", "2025-08-10")).await;
    it.roll_up().await;
    it.run().await;
    assert_eq!(it.objects("archive").len(), 1);
    let later = kit::TestApp::with_env(it.app.resources().env().clone())
        .named("privacy")
        .set("RETENTION_DAYS", "400")
        .start(privacy::app)
        .await;
    let ran = later.post("/events/privacy", json!({})).await.json();
    assert_eq!(
        (
            &ran["expired"]["privacy.person_key"],
            &ran["expired"]["archive, files"]
        ),
        (&json!(1), &json!(1))
    );
    assert!(it.objects("archive").is_empty());
}

#[tokio::test]
async fn messages_expire_only_after_their_roll_up() {
    let it = start_with(&[("RETENTION_DAYS", "100")]).await;
    it.stored(said("r1", KIM, "to be counted", "2026-07-01"))
        .await;
    assert_eq!(it.run().await["expired"], json!({}));
    it.roll_up().await;
    assert_eq!(it.run().await["expired"]["conversation.log"], 1);
    assert_eq!(
        it.count("select messages from conversation.activity").await,
        1
    );
}

#[tokio::test]
async fn idempotency_keys_placeholders_and_dead_letters_expire() {
    let it = start().await;
    it.stored(said("r1", KIM, "010-1234-5678", "now")).await;
    it.stored(said("r1", LEE, "010-1234-5679", "now")).await;
    it.erase(json!({"user_id": LEE})).await;
    it.database
        .run("update conversation.ingest_key set created_at = now() - interval '36 days';
              update conversation.placeholder set created_at = now() - interval '91 days';
              insert into conversation.dead_letter (id, key, source, source_event_id, reason, last_attempt_at)
              values (gen_random_uuid(), gen_random_uuid(), 'sqs', 'e1', 'x', now() - interval '91 days'),
                     (gen_random_uuid(), gen_random_uuid(), 'sqs', 'e2', 'x', now() - interval '89 days')")
        .await;
    let ran = it.run().await;
    // The key of an erased message stays, so that a redelivery does not restore it.
    assert_eq!(
        ran["expired"],
        json!({"conversation.ingest_key": 1, "conversation.dead_letter": 1})
    );
    assert_eq!(
        it.post(said("r1", LEE, "010-1234-5679", "now"))
            .await
            .status,
        200
    );
    assert!(!it.is_anywhere(LEE).await);
}

#[tokio::test]
async fn every_sample_event_gives_the_same_response_on_lambda_and_over_http() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events/privacy");
    let mut events = 0;
    for entry in fs::read_dir(folder).expect("the samples") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("a sample");
        let event: Value = serde_json::from_str(&text).expect("a sample of JSON");
        let (one, two) = (start().await, start().await);
        for it in [&one, &two] {
            it.stored(said("r1", KIM, "a", "2025-08-10")).await;
            it.roll_up().await;
        }
        // The size differs by a few bytes, because each archive is encrypted with new keys.
        let same = |text: &str| {
            let mut value: Value = serde_json::from_str(text).expect("JSON");
            assert!(value["archived"][0]["bytes"].as_u64().unwrap() > 0);
            value["archived"][0]["bytes"] = 0.into();
            value.to_string()
        };
        let over_http = one.app.post("/events/privacy", &event).await;
        assert_eq!(over_http.status, 200, "{over_http:?}");
        let on_lambda = two.app.invoke(&event).await.expect("an answer");
        assert_eq!(same(over_http.text()), same(on_lambda.get()));
        // Without due work, the responses are equal byte for byte.
        let over_http = one.app.post("/events/privacy", &event).await;
        let on_lambda = two.app.invoke(&event).await.expect("an answer");
        assert_eq!(over_http.text(), on_lambda.get());
        events += 1;
    }
    assert!(events >= 3);
}

#[tokio::test]
async fn a_dismissal_is_kept_for_90_days_unless_its_robeing_keeps_less() {
    let it = start().await;
    it.database
        .run(
            "insert into robeing.settings (id, robeing_id, system_settings)
             values (gen_random_uuid(), 'r1', '{\"memory_ttl_days\": 30}');
             insert into conversation.dead_letter
                 (id, key, source, source_event_id, robeing_id, reason, created_at, last_attempt_at, dismissed_at, dismissed_by, erased_at)
             select gen_random_uuid(), gen_random_uuid(), 'sqs', '', robeing_id, robeing_id || ' ' || days,
                    now() - interval '95 days', now() - interval '95 days', now() - days * interval '1 day',
                    'me', now() - days * interval '1 day'
             from unnest(array['r1', 'r2']) as robeing_id, unnest(array[29, 40, 91]) as days",
        )
        .await;
    it.run().await;
    for (reason, stays) in [
        ("r1 29", true),
        ("r1 40", false),
        ("r1 91", false),
        ("r2 29", true),
        ("r2 40", true),
        ("r2 91", false),
    ] {
        assert_eq!(it.is_anywhere(reason).await, stays, "{reason}");
    }
}
