//! Failures of calls, and what remains of their answers.

use super::*;

#[tokio::test]
async fn an_unavailable_provider_leaves_the_tables_unchanged_and_is_asked_by_the_next_sync() {
    let stub = LlmStub::start(|_| Answer::error(503, "overloaded")).await;
    let mut sync = Sync::of((0..9).map(|n| table(&format!("t{n}"), 50)).collect());
    let before = sync.tables.clone();
    let outcome = sync.run(&stub.llm(MODEL)).await;

    assert_eq!(sync.tables, before);
    assert_eq!(outcome.calls, 3, "it is not asked for ever");
    assert_eq!(
        details(&outcome),
        [
            "openai is down or overloaded (503); the next sync asks again (3 calls)",
            "the LLM is unavailable: 300 columns are left for the next sync",
        ]
    );
    let stub = eager().await;
    assert_eq!(sync.run(&stub.llm(MODEL)).await.calls, 9);
}

#[tokio::test]
async fn a_slow_provider_counts_as_unavailable() {
    let stub = LlmStub::start(|_| Answer::NoResponse).await;
    let env = stub.env(MODEL).with("LLM_TIMEOUT_SECONDS", "0.05");
    let llm = Resources::new(env).llm().expect("right").expect("a model");
    let mut sync = Sync::of(vec![table("a", 1)]);
    let outcome = sync.run(&llm).await;
    assert!(details(&outcome)[0].contains("did not answer within 0.05 s"));
    assert_eq!(sync.description(0, "c0"), None);
}

#[tokio::test]
async fn a_refused_api_key_is_tried_once() {
    let stub = LlmStub::start(|_| Answer::error(401, "invalid_api_key")).await;
    let mut sync = Sync::of((0..9).map(|n| table(&format!("t{n}"), 50)).collect());
    let outcome = sync.run(&stub.llm(MODEL)).await;
    assert_eq!((outcome.calls, stub.requests().len()), (1, 1));
    assert!(details(&outcome)[0].contains("OPENAI_API_KEY"));
}

#[tokio::test]
async fn a_column_without_a_usable_answer_is_asked_about_twice_at_most() {
    for bad in [
        Answer::Text("I would rather not.".into()),
        Answer::Json(json!({"tables": "none"})),
        Answer::Refusal,
    ] {
        let stub = LlmStub::start({
            let bad = bad.clone();
            move |asked| match EnrichPrompt::parse(asked) {
                wanted if wanted.tables[0].0 == "p.d.t1" => bad.clone(),
                wanted => wanted.answer(meaning, &[]),
            }
        })
        .await;
        let llm = stub.llm(MODEL);
        let mut sync = Sync::of((0..3).map(|n| table(&format!("t{n}"), 50)).collect());
        let outcome = sync.run(&llm).await;
        assert_eq!(outcome.calls, 3, "{bad:?}");
        assert_eq!(details(&outcome).len(), 1, "{bad:?}");
        assert_eq!(sync.description(0, "c0"), Some("Meaning of c0."), "{bad:?}");
        assert_eq!(sync.description(1, "c0"), None, "{bad:?}");
        assert_eq!(sync.description(2, "c0"), Some("Meaning of c0."), "{bad:?}");
        assert_eq!(
            sync.run(&llm).await.calls,
            1,
            "it may have been chance: {bad:?}"
        );
        assert_eq!(sync.run(&llm).await.calls, 0, "it was none: {bad:?}");
    }
}

#[tokio::test]
async fn after_one_unusable_answer_columns_and_examples_are_asked_for_again() {
    for bad in [Answer::Text("I would rather not.".into()), Answer::Refusal] {
        let first = Mutex::new(Some(bad));
        let stub = LlmStub::start(move |asked| {
            let bad = first.lock().expect("no panic").take();
            bad.unwrap_or_else(|| EnrichPrompt::parse(asked).answer(meaning, &EXAMPLES))
        })
        .await;
        let llm = stub.llm(MODEL);
        let mut sync = Sync::of(vec![table("a", 3)]);
        sync.settings.examples = 2;
        let _ = sync.run(&llm).await;
        assert_eq!(sync.description(0, "c0"), None);

        let kept = serde_json::to_string(&sync.memory).expect("it is written");
        sync.memory = serde_json::from_str(&kept).expect("it is read");
        let outcome = sync.run(&llm).await;

        assert_eq!(sync.description(0, "c0"), Some("Meaning of c0."));
        assert_eq!(outcome.examples.len(), 2);
    }
}

#[tokio::test]
async fn a_partial_answer_is_used_and_the_rest_is_not_asked_again() {
    let stub = LlmStub::start(|_| {
        let columns = [json!({"path": "c0", "description": "Known now."})];
        let table = json!({"table": "p.d.a", "description": "", "columns": columns});
        Answer::Json(json!({"tables": [table]}))
    })
    .await;
    let llm = stub.llm(MODEL);
    let mut sync = Sync::of(vec![table("a", 3)]);
    let outcome = sync.run(&llm).await;
    assert!(outcome.problems.is_empty());
    assert_eq!(sync.description(0, "c0"), Some("Known now."));
    assert_eq!(sync.description(0, ""), None);
    assert_eq!(sync.run(&llm).await.calls, 0);
}

#[tokio::test]
async fn the_complete_part_of_a_cut_answer_is_used_and_the_rest_is_asked_again() {
    let cut = r#"{"tables": [{"table": "p.d.a", "description": "A thing.", "columns": [
        {"path": "c0", "description": "First."}, {"path": "c1", "descr"#;
    let stub = LlmStub::canned([Answer::Truncated(cut.into())]).await;
    let mut sync = Sync::of(vec![table("a", 3)]);
    let outcome = sync.run(&stub.llm(MODEL)).await;
    assert!(
        outcome.problems[0].detail.contains("was cut off"),
        "{:?}",
        outcome.problems
    );
    assert_eq!(sync.description(0, ""), Some("A thing."));
    assert_eq!(sync.description(0, "c0"), Some("First."));
    assert_eq!(sync.description(0, "c1"), None);

    let stub = eager().await;
    let _ = sync.run(&stub.llm(MODEL)).await;
    let again = EnrichPrompt::parse(&stub.requests()[0]).tables;
    assert_eq!(
        again,
        [(
            "p.d.a".to_owned(),
            false,
            vec!["c1".to_owned(), "c2".to_owned()]
        )]
    );
}
