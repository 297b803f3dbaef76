//! The limits of a run, and what happens when they are reached.

use super::*;

#[tokio::test]
async fn columns_beyond_the_calls_of_a_run_are_asked_about_by_the_next() {
    let stub = eager().await;
    let llm = stub.llm(MODEL);
    let mut sync = Sync::of((0..5).map(|n| table(&format!("t{n}"), 50)).collect());
    sync.settings.max_calls = 3;
    let first = sync.run(&llm).await;
    assert_eq!(first.calls, 3);
    assert_eq!(
        details(&first),
        ["ENRICH_MAX_CALLS is reached: 100 columns are left for the next sync"]
    );
    let second = sync.run(&llm).await;
    assert_eq!((second.calls, details(&second).len()), (2, 0));
    assert_eq!(sync.run(&llm).await.calls, 0);
}

#[tokio::test]
async fn no_call_is_made_that_would_exceed_the_tokens_of_a_run() {
    let stub = eager().await;
    let mut sync = Sync::of((0..5).map(|n| table(&format!("t{n}"), 50)).collect());
    sync.settings.max_tokens = 8_000;
    let outcome = sync.run(&stub.llm(MODEL)).await;
    assert!((1..5).contains(&outcome.calls), "{}", outcome.calls);
    assert!(outcome.input_tokens + outcome.output_tokens <= 8_000);
    let detail = details(&outcome)[0];
    assert!(
        detail.starts_with("ENRICH_MAX_TOKENS is reached: "),
        "{detail}"
    );

    sync.settings.max_tokens = 0;
    assert_eq!(sync.run(&stub.llm(MODEL)).await.calls, 0);
}

#[tokio::test]
async fn a_run_ends_in_time_and_keeps_the_answers_so_far() {
    let answers = Mutex::new(0);
    let stub = LlmStub::start(move |asked| {
        let mut answers = answers.lock().expect("no panic");
        *answers += 1;
        match *answers {
            1 => EnrichPrompt::parse(asked).answer(meaning, &[]),
            _ => Answer::NoResponse,
        }
    })
    .await;
    let mut sync = Sync::of((0..3).map(|n| table(&format!("t{n}"), 50)).collect());
    sync.settings.max_time = Duration::from_millis(500);
    let outcome = sync.run(&stub.llm(MODEL)).await;
    assert_eq!(outcome.calls, 2);
    assert_eq!(sync.description(0, "c0"), Some("Meaning of c0."));
    assert_eq!(sync.description(1, "c0"), None);
    assert_eq!(
        details(&outcome),
        ["ENRICH_MAX_SECONDS is reached: 100 columns are left for the next sync"]
    );
}

#[tokio::test]
async fn concurrent_calls_are_limited_and_their_order_does_not_affect_the_result() {
    let stub = eager().await;
    let llm = stub.llm(MODEL);
    let tables: Vec<Table> = (0..8).map(|n| table(&format!("t{n}"), 50)).collect();
    let mut one = Sync::of(tables.clone());
    let mut many = Sync::of(tables);
    many.settings.concurrency = 8;
    let (one_by_one, at_once) = (one.run(&llm).await, many.run(&llm).await);
    assert_eq!(one_by_one.descriptions, at_once.descriptions);
    assert_eq!(one.tables, many.tables);
}
