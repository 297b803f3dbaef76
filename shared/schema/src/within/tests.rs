use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::Dialect;
use crate::document::{Column, FORMAT, SourceKind, TableKind};

pub(super) fn empty() -> Document {
    Document {
        format: FORMAT,
        version: String::new(),
        generated_at: Timestamp::UNIX_EPOCH,
        source: Source {
            kind: SourceKind::Folder,
            dialect: Dialect::Bigquery,
            datasets: Vec::new(),
            extensions: None,
        },
        tables: Vec::new(),
        examples: Vec::new(),
        quarantined: Vec::new(),
        meaning: crate::document::Meaning::default(),
        ledger: Ledger::default(),
    }
}

#[test]
fn a_column_of_a_hidden_row_type_shows_neither_the_name_nor_the_fields_of_the_type() {
    let row_of = |data_type: &str| -> Column {
        let fields = json!([{"name": "salary", "type": "numeric"}]);
        let column = json!({"name": "it", "type": data_type, "fields": fields});
        serde_json::from_value(column).unwrap()
    };
    let mut orders = Table::new(["p", "shop", "orders"], TableKind::Table);
    orders.columns = vec![row_of("hr.people"), row_of("shop.place")];
    let people = Table::new(["p", "hr", "people"], TableKind::Table);
    let document = Document {
        tables: vec![orders, people],
        ..empty()
    };
    let seen = within(&document, &Names::only(["p.shop"]));
    let [hidden, shown] = &seen.tables[0].columns[..] else {
        panic!("two columns");
    };
    assert_eq!((hidden.data_type.as_str(), hidden.cut), ("record", true));
    assert_eq!(hidden.fields, []);
    assert_eq!(*shown, row_of("shop.place"));
}

#[test]
fn nothing_of_a_visible_table_names_a_dataset_or_table_out_of_the_scope() {
    let column = |value| -> Column { serde_json::from_value(value).unwrap() };
    let mut orders = Table::new(["p", "shop", "orders"], TableKind::Table);
    orders.columns = vec![
        column(json!({"name": "mood", "type": "hr.mood", "enum_labels": ["people"]})),
        column(json!({"name": "span", "type": "hr.span", "mode": "REPEATED"})),
        column(
            json!({"name": "people", "type": "date", "default": "hr.today()",
                      "collation": "hr.german"}),
        ),
        column(json!({"name": "n", "type": "shop.n", "default": "0", "collation": "C"})),
    ];
    let name = |dataset: &str, table: &str| crate::name::TableName::new("p", dataset, table);
    orders.inherits = vec![name("hr", "people"), name("shop", "base")];
    orders.inherited_by = vec![name("hr", "people")];
    orders.partitioning =
        serde_json::from_value(json!({"column": "n, hr.f(people)", "unit": "HASH"})).unwrap();
    let mut by_column = Table::new(["p", "shop", "by_column"], TableKind::Table);
    by_column.columns = vec![column(json!({"name": "people", "type": "int"}))];
    by_column.partitioning =
        serde_json::from_value(json!({"column": "people", "unit": "LIST"})).unwrap();
    let people = Table::new(["p", "hr", "people"], TableKind::Table);
    let verified = json!({"how": "dry_run", "at": "2026-01-01T00:00:00Z", "columns":
        [{"name": "mood", "type": "hr.mood"}]});
    let example = json!({"question": "q", "sql": "select 1", "origin": "rule",
        "tables": ["p.shop.orders"], "verified": verified});
    let mut document = Document {
        tables: vec![orders, by_column, people],
        examples: vec![serde_json::from_value(example).unwrap()],
        ..empty()
    };
    let extension = json!({"name": "citext", "schema": "hr", "types": ["citext"]});
    document.source.extensions = Some(vec![serde_json::from_value(extension).unwrap()]);
    let seen = within(&document, &Names::only(["p.shop"]));
    let text = serde_json::to_string(&seen).unwrap();
    assert!(!text.contains("hr"), "{text}");
    let orders = &seen.tables[0];
    let types = orders.columns.iter().map(|it| it.data_type.as_str());
    assert_eq!(
        types.collect::<Vec<_>>(),
        ["enum", "USER-DEFINED", "date", "shop.n"]
    );
    assert_eq!(orders.columns[0].enum_labels, ["people"], "a value");
    assert_eq!(orders.columns[3].default.as_deref(), Some("0"));
    assert_eq!(orders.inherits, [name("shop", "base")]);
    assert_eq!(orders.inherited_by, []);
    assert_eq!(orders.partitioning, None);
    assert!(seen.tables[1].partitioning.is_some(), "its own column");
    let verified = seen.examples[0].verified.as_ref().unwrap();
    assert_eq!(verified.columns[0].data_type, "USER-DEFINED");
}

#[test]
fn a_schema_without_tables_is_hidden_like_one_with_tables() {
    let column = |value| -> Column { serde_json::from_value(value).unwrap() };
    let mut orders = Table::new(["db", "shop", "orders"], TableKind::Table);
    orders.description = Some("Each has a zzmood".to_owned());
    orders.columns = vec![
        column(json!({"name": "mood", "type": "zz.zzmood", "enum_labels": ["sad"]})),
        column(json!({"name": "kind", "type": "zz.zzkind", "description": "see zz"})),
        column(json!({"name": "n", "type": "int", "default": "zz.next()"})),
        column(json!({"name": "key", "type": "uuid", "default": "public.uuid_v4()"})),
        column(json!({"name": "text", "type": "ext.citext", "collation": "zz.zzorder"})),
        column(json!({"name": "place", "type": "zz.zzplace",
            "fields": [{"name": "street", "type": "text"}]})),
        column(
            json!({"name": "own", "type": "shop.own", "default": "shop.next()",
            "description": "a kind of zzkinds"}),
        ),
    ];
    orders.partitioning =
        serde_json::from_value(json!({"column": "zz.bucket(n)", "unit": "HASH"})).unwrap();
    let mut document = Document {
        tables: vec![orders],
        ..empty()
    };
    document.source.dialect = Dialect::Postgres;
    let extensions = json!([
        {"name": "citext", "schema": "ext", "types": ["citext"]},
        {"name": "uuid", "schema": "public", "functions": ["uuid_v4"]},
    ]);
    document.source.extensions = serde_json::from_value(extensions).unwrap();
    let seen = within(&document, &Names::only(["db.shop"]));
    let text = serde_json::to_string(&seen).unwrap();
    for hidden in [
        "zz.", "zzmood", "zzkind\"", "zzorder", "zzplace", "street", "ext.",
    ] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
    let orders = &seen.tables[0];
    let types = orders.columns.iter().map(|it| it.data_type.as_str());
    assert_eq!(
        types.collect::<Vec<_>>(),
        [
            "enum",
            "USER-DEFINED",
            "int",
            "uuid",
            "citext",
            "record",
            "shop.own"
        ]
    );
    assert_eq!(
        orders.columns[3].default.as_deref(),
        Some("public.uuid_v4()")
    );
    let own = &orders.columns[6];
    assert_eq!(own.default.as_deref(), Some("shop.next()"));
    assert_eq!(own.description.as_deref(), Some("a kind of zzkinds"));
    assert_eq!((&orders.description, &orders.partitioning), (&None, &None));
}

/// A table whose column `boss` has the row type of a hidden table, and entries that name its field `salary`.
fn with_boss() -> Document {
    let column = |value| -> Column { serde_json::from_value(value).unwrap() };
    let mut orders = Table::new(["db", "shop", "orders"], TableKind::Table);
    orders.columns = vec![
        column(
            json!({"name": "id", "type": "int", "description": "beside the salary of the boss"}),
        ),
        column(json!({"name": "salary", "type": "int", "description": "own salary"})),
        column(
            json!({"name": "boss", "type": "hr.people", "description": "who decides",
                      "fields": [{"name": "salary", "type": "int"}]}),
        ),
        column(
            json!({"name": "place", "type": "shop.place", "fields": [{"name": "street", "type": "text"}]}),
        ),
    ];
    let mut people = Table::new(["db", "hr", "people"], TableKind::Table);
    people.columns = vec![column(json!({"name": "salary", "type": "int"}))];
    let describe = |column: &str, text: &str| json!({"table": "db.shop.orders", "column": column, "text": text});
    let metric =
        |name: &str, sql: &str| json!({"name": name, "sql": sql, "table": "db.shop.orders"});
    let term = |term: &str, meaning: &str| json!({"term": term, "meaning": meaning, "tables": ["db.shop.orders"]});
    let example = |question: &str, sql: &str| json!({"question": question, "sql": sql, "origin": "person", "tables": ["db.shop.orders"]});
    let dropped = |path: &str, text: &str| json!({"dataset": "db.shop", "table": "db.shop.orders", "path": path, "text": text, "reason": "unknown"});
    let document = json!({
        "format": 2, "version": "", "generated_at": "2026-01-01T00:00:00Z",
        "source": {"kind": "postgres", "dialect": "postgres", "datasets": ["db.shop", "db.hr"],
                   "extensions": [{"name": "pg_trgm", "schema": "hr", "functions": ["similarity"]}]},
        "tables": [],
        "examples": [
            example("own", "select sum(salary) from shop.orders"),
            example("field", "select sum((boss).salary*2) from shop.orders"),
            example("column", "select salary, boss from shop.orders"),
            example("alias", "select hr.id as people from shop.orders as hr"),
        ],
        "meaning": {
            "descriptions": [
                describe("boss", "Who decides."),
                describe("boss.salary", "In euros."),
                describe("boss.gone", "In euros."),
                describe("place.street", "With its number."),
                describe("salary", "The salary, and that of the boss."),
            ],
            "glossary": [term("wage", "The salary."), term("cost", "As `boss.salary` says.")],
            "metrics": [
                metric("own", "sum(salary)"),
                metric("field", "sum((boss).salary*2)"),
                metric("type", "count(*) filter (where grade = 'A'::hr.grade)"),
            ],
        },
        "ledger": {"requests": 0, "bytes_billed": 0, "llm_calls": 0, "llm_input_tokens": 0, "llm_output_tokens": 0,
                   "dropped": [dropped("boss.salary", "Euros."), dropped("place.street", "A street."),
                               dropped("id", "The salary of the boss.")],
                   "problems": [{"subject": "db.shop.orders", "dataset": "db.shop",
                                 "detail": "the description of boss.salary is not used"}]},
    });
    let mut document: Document = serde_json::from_value(document).unwrap();
    document.tables = vec![orders, people];
    document
}

#[test]
fn nothing_that_people_wrote_names_a_field_of_a_hidden_type() {
    let seen = within(&with_boss(), &Names::only(["db.shop"]));
    let columns = seen.meaning.descriptions.iter();
    let columns: Vec<&str> = columns.filter_map(|it| it.column.as_deref()).collect();
    assert_eq!(columns, ["boss", "place.street"]);
    let terms = seen.meaning.glossary.iter().map(|it| it.term.as_str());
    assert_eq!(terms.collect::<Vec<_>>(), ["wage"]);
    let metrics = seen.meaning.metrics.iter().map(|it| it.name.as_str());
    assert_eq!(metrics.collect::<Vec<_>>(), ["own"]);
    let all = within(&with_boss(), &Names::only(["db.shop", "db.hr"]));
    assert_eq!(all.meaning, with_boss().meaning);
}

#[test]
fn the_sql_of_an_example_names_no_field_of_a_hidden_type_and_has_any_alias() {
    let seen = within(&with_boss(), &Names::only(["db.shop"]));
    let questions = seen.examples.iter().map(|it| it.question.as_str());
    assert_eq!(questions.collect::<Vec<_>>(), ["own", "column", "alias"]);
}

#[test]
fn texts_and_notes_beside_a_hidden_type_name_no_field_of_it() {
    let seen = within(&with_boss(), &Names::only(["db.shop"]));
    let texts = seen.tables[0].columns.iter();
    let texts: Vec<Option<&str>> = texts.map(|it| it.description.as_deref()).collect();
    assert_eq!(texts, [None, Some("own salary"), Some("who decides"), None]);
    let paths = seen.ledger.dropped.iter().map(|it| it.path.as_deref());
    assert_eq!(paths.collect::<Vec<_>>(), [Some("place.street")]);
    assert_eq!(seen.ledger.problems, []);
}

#[test]
fn the_format_of_what_is_seen_does_not_depend_on_what_is_hidden() {
    let scope = Names::only(["p.shop"]);
    let plain = || Document {
        tables: ["shop", "hr"]
            .map(|dataset| Table::new(["p", dataset, "t"], TableKind::Table))
            .into(),
        ..empty()
    };
    let mut before = plain();
    let mut described = plain();
    let entry = json!({"descriptions": [{"table": "p.hr.t", "text": "x"}]});
    described.meaning = serde_json::from_value(entry).unwrap();
    versions::seal(&mut before);
    versions::seal(&mut described);
    assert_eq!((before.format, described.format), (1, 2));
    assert_eq!(
        within(&described, &scope).version,
        within(&before, &scope).version
    );
}

/// Two visible tables, and hidden ones whose names are words of SQL about them.
pub(super) fn with_common_names(dialect: &str) -> Document {
    let mut orders = Table::new(["db", "shop", "orders"], TableKind::Table);
    orders.columns = vec![
        Column::leaf("status", "text"),
        Column::leaf("items", "text"),
    ];
    let hidden =
        ["status", "paid", "grade"].map(|name| Table::new(["db", "hr", name], TableKind::Table));
    let metric =
        |name: &str, sql: &str| json!({"name": name, "sql": sql, "table": "db.shop.orders"});
    let document = json!({
        "format": 2, "version": "", "generated_at": "2026-01-01T00:00:00Z",
        "source": {"kind": dialect, "dialect": dialect, "datasets": ["db.shop", "db.hr"]},
        "tables": [],
        "examples": [],
        "meaning": {"metrics": [
            metric("bare", "count(*) filter (where status = 'paid')"),
            metric("own", "count(orders.status)"),
            metric("alias", "(select max(hr.status) from unnest(items) as hr)"),
            metric("row", "(select max(it.v) from unnest(items) it)"),
            metric("qualified", "count(hr.f(status))"),
            metric("longer", "count(`db.hr.f`(status))"),
            metric("quoted", "count(cast(status as \"hr\".\"grade\"))"),
            {"name": "of the status", "sql": "count(*)", "table": "db.shop.orders"},
        ]},
        "ledger": {"requests": 0, "bytes_billed": 0, "llm_calls": 0, "llm_input_tokens": 0, "llm_output_tokens": 0},
    });
    let mut document: Document = serde_json::from_value(document).unwrap();
    document.tables = [vec![orders], hidden.into()].concat();
    document
}

#[test]
fn the_sql_of_a_metric_may_use_a_hidden_name_that_it_does_not_qualify() {
    for dialect in ["bigquery", "postgres"] {
        let seen = within(&with_common_names(dialect), &Names::only(["db.shop"]));
        let names = seen.meaning.metrics.iter().map(|it| it.name.as_str());
        assert_eq!(
            names.collect::<Vec<_>>(),
            ["bare", "own", "alias", "row"],
            "{dialect}"
        );
    }
}

#[test]
fn the_sql_of_an_example_names_no_hidden_type_function_operator_or_collation() {
    let shown = [
        "select status, 'hr.grade' from shop.orders where status = 'paid'",
        "select hr.status from shop.orders hr",
        "select grade.status from shop.orders as grade",
        "select status::shop.mood, status::pg_catalog.text, public.fold(status) from shop.orders",
        "select x.status::text from (select status from shop.orders) x",
    ];
    let hidden = [
        "select status::hr.grade from shop.orders",
        "select cast(status as \"hr\".\"grade\") from shop.orders",
        "select zz.f(status) from shop.orders",
        "select zz.mood 'sad' from shop.orders",
        "select status from shop.orders order by status collate zz.german",
        "select status operator(zz.=) 'paid' from shop.orders",
        "select 'hr.grade'::regclass from shop.orders",
        "select g.a from shop.orders, json_to_record('{}') as g(a hr.grade)",
        "select ext.fold(status) from shop.orders",
    ];
    let mut document = with_common_names("postgres");
    let extensions = json!([
        {"name": "fold", "schema": "public", "functions": ["fold"]},
        {"name": "other", "schema": "ext", "functions": ["fold"]},
    ]);
    document.source.extensions = serde_json::from_value(extensions).unwrap();
    let examples = shown.iter().chain(&hidden).map(
        |sql| json!({"question": "q", "sql": sql, "origin": "person", "tables": ["db.shop.orders"]}),
    );
    document.examples = serde_json::from_value(examples.collect()).unwrap();
    let seen = within(&document, &Names::only(["db.shop"]));
    let seen: Vec<&str> = seen.examples.iter().map(|it| it.sql.as_str()).collect();
    assert_eq!(seen, shown);
}

#[test]
fn the_sql_of_an_example_on_bigquery_names_no_function_of_a_hidden_dataset() {
    let shown = [
        "select safe.parse_date('%F', status) from shop.orders",
        "select o.status, items.hr from `db.shop.orders` o",
        "select paid.f(status) from shop.orders",
        "select status from db.shop.orders",
    ];
    let hidden = [
        "select hr.f(status) from shop.orders",
        "select `db.hr.f`(status) from shop.orders",
    ];
    let mut document = with_common_names("bigquery");
    // A hidden table is called like the project.
    let table = Table::new(["db", "hr", "db"], TableKind::Table);
    document.tables.push(table);
    let examples = shown.iter().chain(&hidden).map(
        |sql| json!({"question": "q", "sql": sql, "origin": "person", "tables": ["db.shop.orders"]}),
    );
    document.examples = serde_json::from_value(examples.collect()).unwrap();
    let seen = within(&document, &Names::only(["db.shop"]));
    let seen: Vec<&str> = seen.examples.iter().map(|it| it.sql.as_str()).collect();
    assert_eq!(seen, shown);
}

#[test]
fn an_entry_about_a_table_that_is_gone_belongs_to_the_dataset_of_the_table() {
    let mut document = with_boss();
    document.meaning = serde_json::from_value(json!({
        "descriptions": [
            {"table": "db.shop.visits", "text": "One per visit.", "error": "there is no table db.shop.visits"},
            {"table": "db.shop.visits", "column": "boss.salary", "text": "In euros."},
            {"table": "db.shop.\"a.b\"", "text": "Quoted."},
            {"table": "db.hr.wages", "text": "Not yours."},
            {"table": "db.sh.op.visits", "text": "Ambiguous."},
        ],
        "glossary": [
            {"term": "visit", "meaning": "A session.", "tables": ["db.shop.orders", "db.shop.visits"]},
            {"term": "both", "meaning": "Of two.", "tables": ["db.shop.visits", "db.hr.wages"]},
        ],
        "metrics": [
            {"name": "visits", "sql": "count(*)", "table": "db.shop.visits"},
            {"name": "ages", "sql": "sum((boss).age)", "table": "db.shop.visits"},
        ],
    }))
    .unwrap();
    document.tables[1].columns.push(Column::leaf("age", "int"));
    let seen = within(&document, &Names::only(["db.shop"]));
    let texts = seen.meaning.descriptions.iter().map(|it| it.text.as_str());
    assert_eq!(texts.collect::<Vec<_>>(), ["One per visit.", "Quoted."]);
    let terms = seen.meaning.glossary.iter().map(|it| it.term.as_str());
    assert_eq!(terms.collect::<Vec<_>>(), ["visit"]);
    let metrics = seen.meaning.metrics.iter().map(|it| it.name.as_str());
    assert_eq!(metrics.collect::<Vec<_>>(), ["visits"]);
    let both = within(&document, &Names::only(["db.shop", "db.hr"]));
    assert_eq!(both.meaning.glossary, document.meaning.glossary);
}

#[test]
fn many_examples_and_entries_about_many_sets_of_datasets_are_dated_in_time() {
    const COUNT: usize = 3_000;
    let id = |at: usize| format!("p.d{at}");
    let table = |at: usize| format!("p.d{at}.t{at}");
    let tables = (0..=COUNT).map(|at| {
        let mut table = Table::new(
            ["p", &format!("d{at}"), &format!("t{at}")],
            TableKind::Table,
        );
        table.columns = vec![Column::leaf("a", "INT64")];
        table
    });
    let tables: Vec<Table> = tables.collect();
    let examples = (0..COUNT).map(|at| {
        json!({"question": format!("q{at}"), "sql": "select 1", "origin": "person",
               "tables": [table(at), table(at + 1)]})
    });
    let terms = (0..COUNT).map(
        |at| json!({"term": format!("w{at}"), "meaning": "x", "tables": [table(0), table(at + 1)]}),
    );
    let mut document = Document {
        tables,
        examples: serde_json::from_value(examples.collect()).unwrap(),
        ..empty()
    };
    document.source.datasets = (0..=COUNT).map(id).collect();
    document.meaning.glossary = serde_json::from_value(terms.collect()).unwrap();
    let started = std::time::Instant::now();
    document.date_datasets(None);
    let took = started.elapsed();
    assert_eq!(document.ledger.changed_together.len(), 2 * COUNT - 1);
    assert!(took.as_secs() < 10, "{took:?}");
}

#[test]
fn an_extension_of_a_hidden_schema_is_seen_only_by_those_who_see_one_of_its_types() {
    let column = |value| -> Column { serde_json::from_value(value).unwrap() };
    let table = |dataset: &str, data_type: &str| {
        let mut table = Table::new(["db", dataset, "t"], TableKind::Table);
        table.columns = vec![column(json!({"name": "a", "type": data_type}))];
        table
    };
    let tables = vec![
        table("sales", "int"),
        table("staff", "staff.citext"),
        table("shop", "extensions.geometry(Point,4326)[]"),
    ];
    let extensions = json!([
        {"name": "pgcrypto", "schema": "staff", "functions": ["crypt", "gen_salt"]},
        {"name": "citext", "schema": "staff", "types": ["citext"], "functions": ["citext_eq"]},
        {"name": "postgis", "schema": "extensions", "types": ["geometry"], "functions": ["st_area"]},
        {"name": "pg_trgm", "schema": "public", "functions": ["similarity"]},
        {"name": "plain", "schema": "pg_catalog", "functions": ["f"]},
    ]);
    let mut document = Document { tables, ..empty() };
    document.source.dialect = Dialect::Postgres;
    document.source.extensions = serde_json::from_value(extensions).unwrap();
    let seen = |datasets: &[&str]| {
        let seen = within(&document, &Names::only(datasets.iter().copied()));
        let extensions = seen.source.extensions.unwrap().into_iter();
        let shown = extensions.map(|it| format!("{} in {}", it.name, it.schema));
        shown.collect::<Vec<_>>()
    };
    let common = ["pg_trgm in public", "plain in pg_catalog"];
    assert_eq!(seen(&["db.sales"]), common);
    let own = ["pgcrypto in staff", "citext in staff"];
    assert_eq!(seen(&["db.staff"]), [own, common].concat());
    assert_eq!(
        seen(&["db.shop"]),
        [&["postgis in "][..], &common[..]].concat()
    );
}
