//! What a writer of SQL needs besides names and types is in every format.

use schema::document::TableKind;
use schema::name::TableName;

use super::*;

fn moods() -> Document {
    let mood = |name: &str, mode| Column {
        mode,
        enum_labels: ["sad", "it's ok"].map(str::to_owned).to_vec(),
        ..Column::leaf(name, "shop.mood")
    };
    let raw = Column {
        collation: Some("C".to_owned()),
        ..Column::leaf("raw", "text")
    };
    let columns = vec![
        Column::leaf("note", "text"),
        mood("mood", Mode::Nullable),
        mood("last_mood", Mode::Nullable),
        mood("moods", Mode::Repeated),
        raw,
    ];
    let table = Table {
        columns,
        inherited_by: vec![TableName::new("p", "shop", "Child")],
        ..Table::new(["p", "shop", "visits"], TableKind::Table)
    };
    let mut document = document(vec![table]);
    document.source.dialect = schema::Dialect::Postgres;
    document
}

#[test]
fn a_card_shows_the_labels_of_an_enum_once_and_what_a_query_reads_besides() {
    let context = ask(&moods(), "visits by mood", 2_000);
    assert!(
        context.context.contains(
            "text: note; shop.mood ('sad', 'it''s ok'): mood, last_mood; \
             ARRAY<shop.mood ('sad', 'it''s ok')>: moods; text COLLATE \"C\": raw\n"
        ),
        "{}",
        context.context
    );
    let facts = "[reads the rows of shop.\"Child\" too, unless it says FROM ONLY]";
    assert!(context.context.contains(facts), "{}", context.context);
}

#[test]
fn ddl_and_json_show_the_labels_as_well() {
    let ddl = in_format(&moods(), "visits by mood", 2_000, Format::Ddl).context;
    assert!(
        ddl.contains("mood shop.mood, -- one of 'sad', 'it''s ok'"),
        "{ddl}"
    );
    assert!(ddl.contains("raw text COLLATE \"C\""), "{ddl}");
    let json = in_format(&moods(), "visits by mood", 2_000, Format::Json).context;
    let table: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(
        table["columns"][1]["enum_labels"],
        json!(["sad", "it's ok"])
    );
    assert_eq!(table["inherited_by"], json!([["p", "shop", "Child"]]));
}

#[test]
fn a_context_with_many_labels_stays_within_its_budget_and_says_that_there_are_more() {
    let mut document = moods();
    let labels: Vec<String> = (0..900).map(|n| format!("label{n:03}")).collect();
    for column in &mut document.tables[0].columns[1..4] {
        column.enum_labels.clone_from(&labels);
    }
    for format in [Format::Text, Format::Ddl, Format::Json] {
        let context = in_format(&document, "visits by mood", 1_200, format);
        assert!(context.tokens <= 1_200, "{}", context.tokens);
        let text = &context.context;
        assert!(text.contains("label000"), "{text}");
        assert!(
            text.contains(" more") || text.contains("\"cut\":true"),
            "{text}"
        );
    }
}
