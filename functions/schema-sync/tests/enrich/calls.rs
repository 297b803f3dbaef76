//! What the model is asked, and in how many calls.

use super::*;

#[tokio::test]
async fn descriptions_and_examples_that_fit_one_call_come_from_one_call() {
    let stub = eager().await;
    let mut sync = Sync::of(vec![table("a", 3), table("b", 2)]);
    sync.settings.examples = 2;
    let outcome = sync.run(&stub.llm(MODEL)).await;

    assert_eq!((outcome.calls, stub.requests().len()), (1, 1));
    assert_eq!(sync.description(0, ""), Some("Meaning of ."));
    assert_eq!(sync.description(1, "c1"), Some("Meaning of c1."));
    assert_eq!(
        sync.tables[1].columns[1].description_source,
        Some(DescriptionSource::Llm)
    );
    let questions: Vec<_> = outcome
        .examples
        .iter()
        .map(|e| e.question.as_str())
        .collect();
    assert_eq!(questions, ["How many rows?", "Which days?"]);
    assert!(
        outcome
            .examples
            .iter()
            .all(|example| example.origin == Origin::Llm)
    );
    assert!(outcome.input_tokens > 0 && outcome.output_tokens > 0);
    assert!(
        outcome.dropped.is_empty() && outcome.problems.is_empty(),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn one_changed_column_among_a_thousand_tables_costs_one_call_about_its_table() {
    let stub = eager().await;
    let mut tables: Vec<Table> = (0..1000)
        .map(|n| described(table(&format!("t{n:04}"), 10)))
        .collect();
    tables[500].columns.push(Column::leaf("fresh", "INT64"));
    let mut sync = Sync::of(tables);
    sync.settings.examples = 1;
    sync.examples = vec![example("Known?", Origin::Llm)];
    let outcome = sync.run(&stub.llm(MODEL)).await;

    assert_eq!(outcome.calls, 1);
    let asked = stub.requests();
    assert_eq!(asked.len(), 1);
    let wanted = vec![("p.d.t0500".to_owned(), false, vec!["fresh".to_owned()])];
    assert_eq!(EnrichPrompt::parse(&asked[0]).tables, wanted);
    assert!(!asked[0].user.contains("t0499"), "{}", asked[0].user);
    assert_eq!(sync.description(500, "fresh"), Some("Meaning of fresh."));
}

#[tokio::test]
async fn an_unchanged_schema_costs_no_call() {
    let stub = LlmStub::start(|asked| {
        let text = |_: &str, path: &str| match path {
            "c1" => String::new(),
            "c2" => "As the column made_up.".into(),
            _ => meaning("", path),
        };
        EnrichPrompt::parse(asked).answer(text, &[])
    })
    .await;
    let llm = stub.llm(MODEL);
    let mut sync = Sync::of(vec![table("a", 4)]);
    sync.settings.examples = 5;
    let first = sync.run(&llm).await;
    assert_eq!(first.calls, 1);
    assert_eq!(sync.description(0, "c1"), None);
    assert_eq!(sync.description(0, "c2"), None);

    let kept = serde_json::to_string(&sync.memory).expect("it is written");
    sync.memory = serde_json::from_str(&kept).expect("it is read");
    let second = sync.run(&llm).await;
    assert_eq!(
        (second.calls, stub.requests().len()),
        (0, 1),
        "{:?}",
        sync.memory
    );
}

#[tokio::test]
async fn an_unanswered_column_is_asked_about_again_when_it_changes() {
    let nothing = |asked: &LlmRequest| EnrichPrompt::parse(asked).answer(|_, _| String::new(), &[]);
    let stub = LlmStub::start(nothing).await;
    let llm = stub.llm(MODEL);
    let mut sync = Sync::of(vec![table("a", 3)]);
    let _ = sync.run(&llm).await;
    sync.tables[0].columns[1].data_type = "INT64".into();
    sync.tables[0].columns[2].mode = Mode::Repeated;
    let _ = sync.run(&llm).await;
    let again = EnrichPrompt::parse(&stub.requests()[1]).tables;
    assert_eq!(
        again,
        [(
            "p.d.a".to_owned(),
            false,
            vec!["c1".to_owned(), "c2".to_owned()]
        )]
    );
}

#[tokio::test]
async fn another_model_is_asked_what_the_previous_one_did_not_answer() {
    let nothing = |asked: &LlmRequest| EnrichPrompt::parse(asked).answer(|_, _| String::new(), &[]);
    let stub = LlmStub::start(nothing).await;
    let mut sync = Sync::of(vec![table("a", 1)]);
    assert_eq!(sync.run(&stub.llm(MODEL)).await.calls, 1);
    assert_eq!(sync.run(&stub.llm(MODEL)).await.calls, 0);
    assert_eq!(sync.run(&stub.llm("claude-sonnet-4-5")).await.calls, 1);
}

#[tokio::test]
async fn a_first_sync_asks_by_batches_of_whole_tables_and_once_for_examples() {
    let stub = eager().await;
    let mut sync = Sync::of(vec![
        table("a", 20),
        table("b", 20),
        table("c", 20),
        table("wide", 120),
        table("z", 5),
    ]);
    sync.settings.examples = 5;
    let outcome = sync.run(&stub.llm(MODEL)).await;

    let asked: Vec<EnrichPrompt> = stub.requests().iter().map(EnrichPrompt::parse).collect();
    assert_eq!((asked[0].examples, asked[0].tables.len()), (5, 0));
    let sizes: Vec<Vec<(&str, usize)>> = asked[1..]
        .iter()
        .map(|wanted| {
            let tables = wanted.tables.iter();
            tables
                .map(|(name, _, paths)| (&name[4..], paths.len()))
                .collect()
        })
        .collect();
    assert_eq!(
        sizes,
        [
            vec![("a", 20), ("b", 20)],
            vec![("c", 20)],
            vec![("wide", 50)],
            vec![("wide", 50)],
            vec![("wide", 20), ("z", 5)],
        ]
    );
    assert_eq!(outcome.calls, 6);
    assert_eq!(
        outcome.descriptions.len(),
        5 + 185,
        "each table and column once"
    );
    assert!(asked[1..].iter().all(|wanted| wanted.examples == 0));
}

#[tokio::test]
async fn nested_fields_are_asked_about_and_described_by_their_path() {
    let stub = eager().await;
    let mut params = Column::leaf("params", "STRUCT");
    params.mode = Mode::Repeated;
    params.fields = vec![
        Column::leaf("key", "STRING"),
        Column::leaf("value", "STRUCT"),
    ];
    params.fields[1].fields = vec![Column::leaf("int_value", "INT64")];
    let mut events = Table::new(["p", "d", "events_*"], TableKind::Table);
    events.columns = vec![params];
    let mut sync = Sync::of(vec![events]);
    let _ = sync.run(&stub.llm(MODEL)).await;

    for path in [
        "params",
        "params.key",
        "params.value",
        "params.value.int_value",
    ] {
        let meaning = format!("Meaning of {path}.");
        assert_eq!(sync.description(0, path), Some(meaning.as_str()));
    }
    let prompt = &stub.requests()[0].user;
    assert!(prompt.contains("? params STRUCT REPEATED\n"), "{prompt}");
}

#[tokio::test]
async fn descriptions_of_the_warehouse_are_not_requested_or_replaced() {
    let stub = LlmStub::start(|_| {
        let columns = [("c0", "Other."), ("c1", "New.")]
            .map(|(path, text)| json!({"path": path, "description": text}));
        let table = json!({"table": "p.d.a", "description": "Other.", "columns": columns});
        Answer::Json(json!({"tables": [table]}))
    })
    .await;
    let mut sync = Sync::of(vec![described(table("a", 1))]);
    sync.tables[0].columns.push(Column::leaf("c1", "STRING"));
    let outcome = sync.run(&stub.llm(MODEL)).await;

    assert_eq!(sync.description(0, ""), Some("Known."));
    assert_eq!(sync.description(0, "c0"), Some("Known."));
    assert_eq!(sync.description(0, "c1"), Some("New."));
    assert_eq!(
        sync.tables[0].description_source,
        Some(DescriptionSource::Warehouse)
    );
    assert_eq!(outcome.dropped.len(), 2, "{:?}", outcome.dropped);
}

#[tokio::test]
async fn examples_are_requested_only_if_too_few_are_valid_and_replace_generated_ones() {
    for (known, missing) in [
        (vec![], 2),
        (vec![Origin::Rule, Origin::Rule], 2),
        (vec![Origin::Llm, Origin::Rule], 1),
        (vec![Origin::Person, Origin::Llm], 0),
    ] {
        let stub = eager().await;
        let mut sync = Sync::of(vec![described(table("a", 2))]);
        sync.settings.examples = 2;
        sync.examples = known
            .iter()
            .map(|origin| example("Known?", *origin))
            .collect();
        let outcome = sync.run(&stub.llm(MODEL)).await;
        let asked = stub.requests();
        assert_eq!(asked.len(), usize::from(missing > 0), "{known:?}");
        assert_eq!(outcome.examples.is_empty(), missing == 0, "{known:?}");
        if missing > 0 {
            assert_eq!(
                EnrichPrompt::parse(&asked[0]).examples,
                missing,
                "{known:?}"
            );
            assert_eq!(asked[0].user.contains("Known?"), !known.is_empty());
        }
    }
}

#[tokio::test]
async fn examples_that_failed_are_requested_again_only_for_another_schema() {
    let stub = eager().await;
    let llm = stub.llm(MODEL);
    let mut sync = Sync::of(vec![described(table("a", 2))]);
    sync.settings.examples = 2;
    assert_eq!(sync.run(&llm).await.calls, 1);
    assert_eq!(sync.run(&llm).await.calls, 0);
    sync.tables[0].columns.pop();
    assert_eq!(sync.run(&llm).await.calls, 1);
}

#[tokio::test]
async fn a_call_and_its_descriptions_are_about_one_dataset() {
    let tells = |_: &str, path: &str| match path {
        "key" => "The key of `p.hr.people`.".to_owned(),
        "c0" => "As in `key`.".to_owned(),
        _ => "The `salary`.".to_owned(),
    };
    let stub = LlmStub::start(move |asked| EnrichPrompt::parse(asked).answer(tells, &[])).await;
    let mut people = table("people", 1);
    people.rename(crate::name("p.hr.people"));
    people.columns.push(Column::leaf("salary", "NUMERIC"));
    let mut orders = table("orders", 1);
    orders.rename(crate::name("p.shop.orders"));
    orders.columns.push(Column::leaf("key", "STRING"));
    let mut sync = Sync::of(vec![people, orders]);
    let outcome = sync.run(&stub.llm(MODEL)).await;

    let asked = stub.requests();
    assert_eq!((outcome.calls, asked.len()), (2, 2));
    assert!(!asked[0].user.contains("p.shop") && !asked[1].user.contains("p.hr"));
    assert_eq!(sync.description(0, ""), Some("The `salary`."));
    assert_eq!(sync.description(1, "c0"), Some("As in `key`."));
    assert_eq!(sync.description(1, "key"), None);
    assert_eq!(sync.description(1, ""), None);
    let dropped: Vec<_> = reasons(&outcome).into_iter().map(|it| it.0).collect();
    assert_eq!(dropped, [Some("c0"), None, Some("key")]);
}
