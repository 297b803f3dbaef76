//! What people wrote, in the context of a question that names it.

use schema::document::{Meaning, Metric, Term};

use super::*;

fn meaning() -> Meaning {
    let term = |term: &str, meaning: &str, error: Option<&str>| Term {
        term: term.to_owned(),
        meaning: meaning.to_owned(),
        tables: vec!["p.shop.orders".to_owned()],
        error: error.map(str::to_owned),
    };
    Meaning {
        descriptions: Vec::new(),
        glossary: vec![
            term("churned customer", "No order in 90 days.", None),
            term("old word", "Gone.", Some("there is no table p.shop.old")),
            term("재구매율", "다시 산 사람의 비율.", None),
        ],
        metrics: vec![Metric {
            name: "net_revenue".to_owned(),
            sql: "sum(total)".to_owned(),
            table: "p.shop.orders".to_owned(),
            description: Some("After refunds.".to_owned()),
            error: None,
            unchecked: false,
        }],
    }
}

fn known(document: Document) -> Document {
    sealed(Document {
        meaning: meaning(),
        ..document
    })
}

#[test]
fn a_question_that_names_a_term_or_a_metric_gets_its_meaning() {
    let document = known(shop());
    for (question, line) in [
        (
            "How many churned customers were there?",
            "term churned customer: No order in 90 days.\n",
        ),
        (
            "net revenue per month",
            "metric net_revenue: sum(total) of `p.shop.orders` — After refunds.\n",
        ),
        ("재구매율 알려줘", "term 재구매율: 다시 산 사람의 비율.\n"),
    ] {
        let context = ask(&document, question, 4_000);
        assert!(context.context.contains(line), "{}", context.context);
        assert!(context.schema().contains(line.trim_end()), "{question}");
        assert_eq!(context.glossary.len() + context.metrics.len(), 1);
    }
    let context = ask(&document, "orders of customers", 4_000);
    assert!(context.glossary.is_empty() && context.metrics.is_empty());
    let context = ask(&document, "the old word", 4_000);
    assert!(!context.context.contains("Gone."), "it no longer fits");
}

#[test]
fn each_format_writes_terms_and_metrics_in_its_own_way() {
    let document = known(shop());
    let question = "net revenue of churned customers";
    let ddl = in_format(&document, question, 4_000, Format::Ddl);
    assert!(ddl.context.contains("\n-- term churned customer: No order"));
    assert!(ddl.context.contains("\n-- metric net_revenue: sum(total)"));
    let json = in_format(&document, question, 4_000, Format::Json);
    let lines = json
        .context
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    assert!(lines.iter().any(|line| line["metric"] == "net_revenue"));
    assert!(lines.iter().any(|line| line["term"] == "churned customer"));
}

#[test]
fn the_sql_of_a_metric_is_written_as_it_is() {
    let mut document = known(shop());
    let one_line = "sum(`total`)";
    for (sql, text, ddl) in [
        (one_line, one_line, one_line),
        (
            "sum( -- gross\n  `total`\n)",
            "metric net_revenue of `p.shop.orders` — After refunds.:\nsum( -- gross\n  `total`\n)\n",
            "`p.shop.orders` — After refunds.:\n-- sum( -- gross\n--   `total`\n-- )\n",
        ),
    ] {
        document.meaning.metrics[0].sql = sql.to_owned();
        let document = sealed(document.clone());
        let in_format = |format| in_format(&document, "net revenue", 4_000, format).context;
        let (in_text, in_ddl) = (in_format(Format::Text), in_format(Format::Ddl));
        assert!(in_text.contains(text), "{in_text}");
        assert!(in_ddl.contains(ddl), "{in_ddl}");
    }
}

#[test]
fn a_term_makes_the_tables_that_it_is_about_relevant() {
    let mut tables = noise();
    tables.push(table("p.shop.orders", &["id", "total"]));
    let document = known(document(tables));
    let context = ask(&document, "churned customers", 200);
    assert_eq!(names(&context)[0], "p.shop.orders", "{}", context.context);
}

#[test]
fn terms_and_metrics_stay_within_their_share_of_the_budget() {
    let mut document = known(with_noise(shop().tables));
    document.meaning.glossary[0].meaning = "long ".repeat(600);
    let document = sealed(document);
    for budget in [100, 150, 300, 1_000, 4_000] {
        let context = ask(&document, "churned customers and net revenue", budget);
        assert!(context.tokens <= budget, "{budget}: {}", context.tokens);
        assert!(!context.tables.is_empty());
    }
}

#[test]
fn a_request_for_some_datasets_gets_only_the_terms_about_them() {
    let mut document = known(shop());
    document.meaning.glossary[0]
        .tables
        .push("p.hr.people".to_owned());
    document.tables.push(table("p.hr.people", &["id"]));
    let index = Index::build(Arc::new(sealed(document)));
    let datasets = ["p.shop".to_owned()];
    let of = |datasets: Option<&[String]>| {
        index.context(&Request {
            question: "churned customers",
            token_budget: 4_000,
            datasets,
            format: Format::Text,
        })
    };
    assert_eq!(of(None).glossary.len(), 1);
    assert_eq!(of(Some(&datasets)).glossary.len(), 0);
}

#[test]
fn a_metric_names_its_table_as_sql_does() {
    let mut document = known(shop());
    document.source.dialect = schema::Dialect::Postgres;
    let document = sealed(document);
    for format in [Format::Text, Format::Ddl] {
        let context = in_format(&document, "net revenue", 4_000, format).context;
        assert!(
            context.contains("sum(total) of shop.orders — After"),
            "{context}"
        );
    }
}
