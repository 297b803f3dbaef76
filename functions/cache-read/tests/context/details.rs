//! What a writer of SQL needs besides names and types is in every format.

use schema::document::{Definition, TableKind};
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

/// A view of this query.
fn view(name: &str, sql: &str) -> Table {
    let mut view = table(name, &["day", "total"]);
    view.kind = TableKind::View;
    view.definition = Definition::read(sql);
    view
}

#[test]
fn the_query_of_a_view_is_in_every_format_within_the_budget() {
    let sql = "select day, sum(total) as total\nfrom `p.shop.orders`\ngroup by day";
    let tables = vec![
        view("p.shop.revenue", sql),
        table("p.shop.orders", &["day"]),
    ];
    for document in [document(tables.clone()), with_noise(tables)] {
        for (format, start, of_line) in [
            (Format::Text, "", "| "),
            (Format::Ddl, "-- ", "-- "),
            (Format::Json, "", ""),
        ] {
            let context = in_format(&document, "revenue per day", 1_000, format);
            assert!(context.tokens <= 1_000);
            let expected = json!({"view": "p.shop.revenue", "definition": sql});
            let is_there = if format == Format::Json {
                let mut lines = context.context.lines();
                lines.any(|line| serde_json::from_str::<Value>(line).unwrap() == expected)
            } else {
                let lines = sql.replace('\n', &format!("\n{of_line}"));
                let expected =
                    format!("\n{start}`p.shop.revenue` is defined as:\n{of_line}{lines}\n");
                context.context.contains(&expected)
            };
            assert!(is_there, "{}", context.context);
            let small = in_format(&document, "revenue per day", 120, format);
            assert!(small.tokens <= 120, "{}", small.context);
        }
    }
}

#[test]
fn a_long_query_of_a_view_takes_a_part_of_the_budget_and_says_that_it_is_cut() {
    let terms: Vec<String> = (0..500).map(|at| format!("total <> {at}")).collect();
    let sql = format!(
        "select day from `p.shop.orders` where {}",
        terms.join("\nand ")
    );
    let views: Vec<Table> = (0..9)
        .map(|at| view(&format!("p.shop.revenue_{at}"), &sql))
        .collect();
    for document in [document(views.clone()), with_noise(views)] {
        for format in [Format::Text, Format::Ddl, Format::Json] {
            let context = in_format(&document, "revenue per day", 2_000, format);
            assert!(context.tokens <= 2_000);
            let (_, queries) = context.context.split_once("select day from").unwrap();
            assert!(
                queries.chars().count() <= 2_000 * 4 / 8,
                "{}",
                context.context
            );
            let note = match format {
                Format::Json => "\"cut\":true",
                _ => " is defined as (cut, see GET /v1/schema/tables/{name}):\n",
            };
            assert!(context.context.contains(note), "{}", context.context);
        }
    }
}
