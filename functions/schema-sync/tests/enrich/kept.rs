//! Which parts of an answer are kept.

use super::*;

#[tokio::test]
async fn only_requested_descriptions_within_the_limits_are_kept_once() {
    let stub = LlmStub::start(|_| {
        let column = |path: &str, text: &str| json!({"path": path, "description": text});
        let long = "x".repeat(1_025);
        Answer::Json(json!({"tables": [
            {"table": "p.d.a", "description": "  A\u{0} thing,\n one \u{202e}a row. ", "columns": [
                column("c0", "First."),
                column("c0", "Second."),
                column("c1", &long),
                column("c2", &"y".repeat(1_024)),
                column("c3", "See https://example.com/?q="),
                column("c4", " \u{7} "),
                column("ghost", "Boo."),
                column("p.d.a.c5", "Too much of a path."),
            ]},
            {"table": "p.d.ghost", "description": "Boo.", "columns": []},
        ]}))
    })
    .await;
    let mut sync = Sync::of(vec![table("a", 6)]);
    let outcome = sync.run(&stub.llm(MODEL)).await;

    assert_eq!(sync.description(0, ""), Some("A thing, one a row."));
    assert_eq!(sync.description(0, "c0"), Some("First."));
    assert_eq!(sync.description(0, "c2").map(str::len), Some(1_024));
    for path in ["c1", "c3", "c4", "c5"] {
        assert_eq!(sync.description(0, path), None, "{path}");
    }
    assert_eq!(
        reasons(&outcome),
        [
            (Some("c0"), "it is described twice"),
            (Some("c1"), "it is longer than 1024 characters"),
            (Some("c3"), "it contains a link"),
            (Some("ghost"), "the LLM was not asked about this column"),
            (Some("p.d.a.c5"), "the LLM was not asked about this column"),
            (None, "the LLM was not asked about this table"),
        ]
    );
    assert_eq!(
        outcome.dropped[1].text.chars().count(),
        201,
        "a ledger is no dump"
    );
}

#[tokio::test]
async fn a_description_that_mentions_something_unknown_is_dropped_with_a_reason() {
    let stub = LlmStub::start(|asked| {
        let text = |_: &str, path: &str| match path {
            "c1" => "Refers to users.user_id.".into(),
            "c2" => "Refers to `c0`.".into(),
            _ => "A text.".into(),
        };
        EnrichPrompt::parse(asked).answer(text, &[])
    })
    .await;
    let mut sync = Sync::of(vec![table("a", 3)]);
    let outcome = sync.run(&stub.llm(MODEL)).await;
    assert_eq!(sync.description(0, "c1"), None);
    assert_eq!(sync.description(0, "c2"), Some("Refers to `c0`."));
    let dropped = &outcome.dropped;
    assert_eq!(dropped.len(), 1, "{dropped:?}");
    assert_eq!(dropped[0].table.as_deref(), Some("p.d.a"));
    assert_eq!(dropped[0].path.as_deref(), Some("c1"));
    assert!(dropped[0].reason.contains("user_id"), "{dropped:?}");
}

#[tokio::test]
async fn candidates_are_cleaned_and_at_most_twice_as_many_as_requested() {
    let stub = LlmStub::start(|_| {
        let example = |question: &str, sql: &str| json!({"question": question, "sql": sql});
        Answer::Json(json!({"examples": [
            example(" How\nmany? ", "```sql\nselect count(*)\nfrom `p.d.a`;\n```"),
            example("how many?", "select 2"),
            example("", "select 3"),
            example("What?", " ; "),
            example("Which?", "select c0 from `p.d.a`"),
            example("One more?", "select 5"),
        ]}))
    })
    .await;
    let mut sync = Sync::of(vec![described(table("a", 1))]);
    sync.settings.examples = 1;
    let outcome = sync.run(&stub.llm(MODEL)).await;
    let examples: Vec<_> = outcome
        .examples
        .iter()
        .map(|example| (example.question.as_str(), example.sql.as_str()))
        .collect();
    assert_eq!(
        examples,
        [
            ("How many?", "select count(*)\nfrom `p.d.a`"),
            ("Which?", "select c0 from `p.d.a`"),
        ]
    );
    assert_eq!(outcome.dropped.len(), 4, "{:?}", outcome.dropped);
}
