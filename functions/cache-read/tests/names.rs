//! Names with any characters: each table keeps its name, from the warehouse to the caller's SQL.

use std::collections::BTreeSet;
use std::sync::Arc;

use cache_read::context::{self, Format, Request};
use cache_read::within;
use ground::Schema;
use kit::postgres::empty_database;
use platform::Env;
use platform::auth::Names;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use schema::Dialect;
use schema::document::{Column, Document, Example, ForeignKey, SourceKind, Table, TableKind};
use schema::name::TableName;
use schema::read::Read;
use schema::render::{self, identifier, table_name};
use schema::versions;
use serde_json::Value;
use warehouse::source::postgres::Postgres;
use warehouse::{Plan, Planned, Source as _, Usage};

use crate::common::{Moody, document, example, names, sealed, start};

/// Names that collide when they are joined, and hostile ones.
fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "my",
            "schema",
            "plain",
            "my.schema",
            "schema.plain",
            "my.schema.plain",
            "My",
            "a b",
            "select",
            "주문",
            "주문.내역",
            "t\"x",
            "\"t.x\"",
            "`t`",
            "a\\b",
            "it's",
            "--",
            "/*",
            "U&\"x\"",
            ".",
            "..",
            "\u{202e}evil",
            "a\u{200b}b",
            "new\nline",
            "\u{e0041}",
            "😀",
        ])
        .prop_map(str::to_owned),
        "[a-c.\"'`\\\\ A-C]{1,5}",
        "\\PC{1,5}",
    ]
}

fn of_postgres(tables: Vec<Table>) -> Document {
    let mut document = document(tables);
    document.source.kind = SourceKind::Postgres;
    document.source.dialect = Dialect::Postgres;
    sealed(document)
}

fn table(name: impl Into<TableName>, columns: &[&str]) -> Table {
    let columns = columns.iter().map(|name| Column::leaf(*name, "text"));
    Table {
        columns: columns.collect(),
        ..Table::new(name, TableKind::Table)
    }
}

/// Checks what a caller with one dataset sees, in every place with a scope or a name.
fn check(document: &Document) -> Result<(), TestCaseError> {
    let dialect = document.source.dialect;
    let whole = Schema::new(&document.tables, dialect);
    let joined: BTreeSet<&str> = document.tables.iter().map(|it| it.name.as_str()).collect();
    prop_assert_eq!(
        joined.len(),
        document.tables.len(),
        "one name for two tables"
    );
    for (dataset, own) in by_dataset(document) {
        let seen = within(document, &Names::only([dataset.clone()]));
        prop_assert_eq!(of(&seen), own.clone(), "in scope of {:?}", dataset);
        let reads = |it: &&Example| own.contains(&it.tables[0]);
        let examples = document.examples.iter().filter(reads).count();
        prop_assert_eq!(seen.examples.len(), examples);
        let chosen = context::context(
            Arc::new(document.clone()),
            &Request {
                question: "everything",
                token_budget: 100_000,
                datasets: Some(std::slice::from_ref(&dataset)),
                format: Format::Ddl,
            },
        );
        let chosen: BTreeSet<String> = chosen.tables.into_iter().map(|it| it.name).collect();
        prop_assert_eq!(&chosen, &own);

        let scoped = Schema::new(&seen.tables, dialect).strict();
        for table in &document.tables {
            let written = table_name(&table.parts, dialect);
            let start = format!("CREATE TABLE {written} (");
            prop_assert!(render::ddl(table, dialect).contains(&start));
            for column in &table.columns {
                let column = identifier(&column.name, dialect);
                let sql = format!("select t.{column} from {written} as t");
                let found = ground::sql(&sql, &whole);
                let found =
                    found.map_err(|faults| TestCaseError::fail(format!("{sql}: {faults:?}")))?;
                prop_assert_eq!(&found.tables, &vec![table.name.clone()], "{}", sql);
                let found = ground::sql(&sql, &scoped);
                prop_assert_eq!(
                    found.is_ok(),
                    own.contains(&table.name),
                    "{} in {:?}",
                    sql,
                    dataset
                );
            }
        }
    }
    Ok(())
}

fn of(document: &Document) -> BTreeSet<String> {
    document
        .tables
        .iter()
        .map(|table| table.name.clone())
        .collect()
}

fn by_dataset(document: &Document) -> Vec<(String, BTreeSet<String>)> {
    let datasets: BTreeSet<&String> = document.tables.iter().map(|it| &it.parts.dataset).collect();
    let tables_of = |dataset: &String| {
        let own = document
            .tables
            .iter()
            .filter(|it| it.parts.dataset == *dataset);
        let project = &document.tables[0].parts.project;
        let id = schema::name::dataset_id(project, dataset);
        (id, own.map(|table| table.name.clone()).collect())
    };
    datasets.into_iter().map(tables_of).collect()
}

/// The document as a caller gets it: through JSON, with an example of each table.
fn served(mut document: Document) -> Document {
    let dialect = document.source.dialect;
    let examples = document
        .tables
        .iter()
        .enumerate()
        .map(|(number, table)| Example {
            // No question that could hold the name of another table.
            question: "→".repeat(number + 1),
            sql: format!("select * from {}", table_name(&table.parts, dialect)),
            ..example(&[&table.name])
        });
    document.examples = examples.collect();
    let json = serde_json::to_vec(&sealed(document)).unwrap();
    versions::parse(&json).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn for_any_names_a_scope_has_its_tables_and_their_sql_names_resolve_to_them(
        names in prop::collection::btree_set((any_name(), any_name()), 1..7),
        columns in prop::collection::btree_set(any_name(), 1..4),
    ) {
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let tables = names.iter().map(|(schema, name)| table(["shop", schema.as_str(), name], &columns));
        check(&served(of_postgres(tables.collect())))?;
    }

    #[test]
    fn a_project_with_dots_and_a_table_with_any_letters_are_queried_in_bigquery(
        project in "[a-z][a-z-]{0,4}(\\.com:[a-z]{1,4})?",
        names in prop::collection::btree_set(("[A-Za-z_]{1,3}", "[^.*\u{0}]{1,6}"), 1..6),
    ) {
        let tables = names.iter().map(|(dataset, name)| table([project.as_str(), dataset, name], &["id"]));
        check(&served(sealed(document(tables.collect()))))?;
    }
}

#[test]
fn a_document_of_the_previous_release_is_read_and_its_ambiguous_names_are_in_no_scope() {
    let mut old = serde_json::to_value(of_postgres(vec![
        table(["shop", "my", "orders"], &["id"]),
        table(["shop", "my.schema", "plain"], &["id"]),
        table(["shop", "my", "schema.plain"], &["id"]),
    ]))
    .unwrap();
    let joined = [
        "shop.my.orders",
        "shop.my.schema.plain",
        "shop.my.schema.plain",
    ];
    for (table, joined) in old["tables"].as_array_mut().unwrap().iter_mut().zip(joined) {
        table["name"] = joined.into();
        table.as_object_mut().unwrap().remove("parts");
    }
    let resealed: Document = serde_json::from_value(old.clone()).unwrap();
    old["version"] = versions::content_hash(&resealed).into();

    let read = versions::parse(&serde_json::to_vec(&old).unwrap()).unwrap();

    assert_eq!(read.tables.len(), 3);
    assert_eq!(read.tables[0].parts, TableName::new("shop", "my", "orders"));
    let scope = |id: &str| of(&within(&read, &Names::only([id])));
    assert_eq!(
        scope("shop.my"),
        BTreeSet::from(["shop.my.orders".to_owned()])
    );
    for id in ["shop.my.schema", "shop", "", "shop.my.schema.plain"] {
        assert!(scope(id).is_empty(), "{id}");
    }
    assert_eq!(within(&read, &Names::All).tables.len(), 3);
}

const DOTS: &str = r#"
    create schema "my.schema"; create table "my.schema"."t.x" (a int primary key, "b.c" int);
    create table "my.schema".plain (a int references "my.schema"."t.x");
    create schema my; create table my."schema.plain" (z int); create table my.t (id int);
    create schema "Weird ""Q"" \b"; create table "Weird ""Q"" \b"."ta'ble" (id int);
    create schema shop; create table shop."한글테이블" ("이름" text, "값" numeric);
    create table shop."日本 語🎉" ("😀" int); create table shop."Order Lines" ("Order ID" int);
    create table shop."order lines" (id int);
"#;

fn source(url: &str) -> Postgres {
    Postgres::open(url, &Env::default()).unwrap()
}

async fn read(source: &Postgres) -> Document {
    let reading = source.read(&[], &Usage::default()).await.unwrap();
    assert_eq!(reading.problems, []);
    let mut document = of_postgres(reading.tables);
    document.source = source.describe();
    served(document)
}

/// Postgres resolves rendered names to the tables that they are meant for.
async fn check_plans(source: &Postgres, document: &Document) {
    for table in &document.tables {
        let written = table_name(&table.parts, Dialect::Postgres);
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|column| identifier(&column.name, Dialect::Postgres))
            .collect();
        let sql = format!("select {} from {written}", columns.join(", "));
        let plan = source.plan(&sql, &Usage::default()).await.unwrap();
        let Plan::Accepted(Planned {
            reads, verified, ..
        }) = plan
        else {
            panic!("{sql}: {plan:?}");
        };
        assert_eq!(reads, [Read::from(table.parts.clone())], "{sql}");
        let names: Vec<&str> = verified.columns.iter().map(|it| it.name.as_str()).collect();
        let own: Vec<&str> = table.columns.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, own, "{sql}");
    }
}

#[tokio::test]
async fn postgres_schemas_and_tables_with_dots_in_their_names_are_never_confused() {
    let db = empty_database().await;
    db.run(DOTS).await;
    let source = source(&db.url);
    let document = read(&source).await;
    check(&document).unwrap();
    check_plans(&source, &document).await;

    let database = document.tables[0].parts.project.clone();
    let store = Moody::new();
    store.sync(&document).await;
    let app = start(&store).await;
    for (schema, own) in [
        (
            "my.schema",
            vec![r#""my.schema"."t.x""#, r#""my.schema".plain"#],
        ),
        ("my", vec![r#"my."schema.plain""#, "my.t"]),
        ("my.schema.t", vec![]),
    ] {
        let dataset = format!("{database}.{schema}");
        let own: Vec<String> = own
            .iter()
            .map(|name| format!("{database}.{name}"))
            .collect();
        let scoped = |path: &str| app.get(path).header("test-datasets", &dataset);
        assert_eq!(names(&scoped("/v1/schema/tables").await), own, "{schema}");
        let filtered = app
            .get(&format!("/v1/schema/tables?dataset={dataset}"))
            .await;
        if own.is_empty() {
            assert_eq!(filtered.status, 422, "{schema}");
        } else {
            assert_eq!(names(&filtered), own, "{schema}");
        }
        let seen: Value = scoped("/v1/schema").await.json();
        assert_eq!(seen["tables"].as_array().unwrap().len(), own.len());
        assert_eq!(seen["examples"].as_array().unwrap().len(), own.len());
    }

    let seen = |path: &str| {
        app.get(path)
            .header("test-datasets", format!("{database}.my.schema"))
    };
    let quoted = seen("/v1/schema/tables/%22my.schema%22.%22t.x%22?format=ddl").await;
    assert!(
        quoted
            .text()
            .starts_with("CREATE TABLE \"my.schema\".\"t.x\" ("),
        "{}",
        quoted.text()
    );
    for name in ["t.x", "my.schema.t.x", "plain", "my.schema.plain"] {
        let found: Value = seen(&format!("/v1/schema/tables/{name}")).await.json();
        assert_eq!(found["parts"][1], "my.schema", "{name}: {found}");
    }
    assert_eq!(seen("/v1/schema/tables/schema.plain").await.status, 404);
    let both = app.get("/v1/schema/tables/my.schema.plain").await;
    assert_eq!(both.status, 400, "two tables may be meant: {}", both.text());
    let plain = seen("/v1/schema/tables/plain?format=ddl").await;
    assert!(
        plain
            .text()
            .contains("REFERENCES \"my.schema\".\"t.x\" (a)"),
        "{}",
        plain.text()
    );
}

#[tokio::test]
async fn rendered_hostile_names_of_a_real_postgres_are_valid_there() {
    let mut runner = TestRunner::deterministic();
    let mut made = BTreeSet::new();
    let mut sql = String::new();
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    while made.len() < 40 {
        let names = (any_name(), any_name(), any_name());
        let names = names.new_tree(&mut runner).unwrap().current();
        let (schema, name, column) = &names;
        let is_long = [schema, name, column].iter().any(|it| it.len() > 60);
        let is_of_system = schema.starts_with("pg_") || schema == "information_schema";
        if is_long || is_of_system || !made.insert((schema.clone(), name.clone())) {
            continue;
        }
        let schema = quote(schema);
        sql += &format!("create schema if not exists {schema};\n");
        sql += &format!(
            "create table {schema}.{} ({} text);\n",
            quote(name),
            quote(column)
        );
    }
    let db = empty_database().await;
    db.run(&sql).await;
    let source = source(&db.url);

    let document = read(&source).await;

    assert_eq!(document.tables.len(), made.len());
    check(&document).unwrap();
    check_plans(&source, &document).await;
}

#[test]
fn valid_sql_over_dotted_names_is_grounded_and_confused_dots_are_not() {
    let tables = [
        table(["shop", "my.schema", "t.x"], &["a", "b.c"]),
        table(["shop", "my.schema", "plain"], &["a"]),
        table(["shop", "my", "schema.plain"], &["z"]),
    ];
    let schema = Schema::new(&tables, Dialect::Postgres);
    for (sql, reads) in [
        (r#"select a, "b.c" from "my.schema"."t.x""#, 0),
        (r#"select p.a from "my.schema".plain p"#, 1),
        (r#"select "schema.plain".z from my."schema.plain""#, 2),
        (r#"select z from shop.my."schema.plain""#, 2),
        (r#"select a from plain"#, 1),
    ] {
        let found = ground::sql(sql, &schema).unwrap_or_else(|faults| panic!("{sql}: {faults:?}"));
        assert_eq!(found.tables, [tables[reads].name.clone()], "{sql}");
    }
    for sql in [
        r#"select x from "my.schema.t".x"#,
        r#"select z from "my.schema".plain"#,
        "select z from my.schema.plain",
        r#"select a from "my.schema"."plain" uescape '!'"#,
        r#"select a from U&"my.schema" uescape '!'"#,
        r#"select a from U&"my.sch\0065ma".plain"#,
    ] {
        let faults = ground::sql(sql, &schema).expect_err(sql);
        let reason = faults[0].to_string();
        assert!(!reason.contains("could be any of"), "{sql}: {reason}");
    }
}

#[test]
fn prose_can_mention_names_with_dots() {
    let mut plain = table(["shop", "my.schema", "plain"], &["a", "b.c"]);
    plain.foreign_keys = vec![ForeignKey::new(
        vec!["a".into()],
        ["shop", "my.schema", "t.x"],
        vec!["a".into()],
    )];
    let tables = [plain, table(["shop", "my.schema", "t.x"], &["a"])];
    let schema = Schema::new(&tables, Dialect::Postgres);
    let check = |text: &str| ground::text(text, &tables[0], None, &schema);
    for text in [
        "see `t.x`",
        "rows of `my.schema.t.x`",
        "joins `my.schema.t.x.a`",
        "the column `b.c`",
        "`plain.b.c` by day",
    ] {
        check(text).unwrap_or_else(|faults| panic!("{text}: {faults:?}"));
    }
    for text in ["see `t.y`", "the column `b.d`", "rows of `my.other.t.x`"] {
        check(text).expect_err(text);
    }
}
