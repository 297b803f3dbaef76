//! Grounding against a real Postgres: what it accepts, Postgres plans, and what Postgres rejects because of a
//! name, it refuses.

use std::fs;

use ground::{FaultKind, Schema};
use kit::TestApp;
use kit::llm::LlmStub;
use kit::postgres::{Database, empty_database};
use platform::Env;
use schema::document::{Source as Described, Table};
use schema::mentions::Mentions;
use serde_json::{Value, json};
use warehouse::source::postgres::Postgres;
use warehouse::{Plan, Planned, Source, Usage};

fn file(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/ground/tests/corpus");
    fs::read_to_string(format!("{folder}/{name}")).expect("a corpus")
}

/// The entries of a corpus: a heading after `---`, and a query below it.
fn corpus(name: &str) -> Vec<(String, String)> {
    let text = file(name);
    let entries = text.strip_prefix("---").expect("a corpus").split("\n---");
    let entries = entries.map(|entry| entry.split_once('\n').expect("a heading and a query"));
    entries
        .map(|(heading, sql)| (heading.trim().to_owned(), sql.trim().to_owned()))
        .collect()
}

/// A warehouse, and what a sync reads of it.
struct Warehouse {
    source: Postgres,
    described: Described,
    tables: Vec<Table>,
    _db: Database,
}

impl Warehouse {
    async fn of(ddl: &str) -> Self {
        let db = empty_database().await;
        db.run(&file(ddl)).await;
        let source = Postgres::open(&db.url, &Env::default()).unwrap();
        let tables = source.read(&[], &Usage::default()).await.unwrap().tables;
        Self {
            described: source.describe(),
            source,
            tables,
            _db: db,
        }
    }

    /// The query with the name of the database, which is `app` in the corpora.
    fn in_database(&self, sql: &str) -> String {
        let database = &self.tables[0].parts.project;
        sql.replace(" app.public.", &format!(" {database}.public."))
    }

    fn schema(&self) -> Schema<'_> {
        Schema::new(&self.tables, self.described.dialect)
            .with_extensions(self.described.extensions.as_deref())
    }

    async fn plan(&self, sql: &str) -> Result<Planned, String> {
        match self.source.plan(sql, &Usage::default()).await.unwrap() {
            Plan::Accepted(planned) => Ok(planned),
            Plan::Rejected(rejection) => Err(rejection.message),
        }
    }

    /// Whether the query is right as far as grounding tells, with the help of the warehouse for what can't
    /// be read here.
    async fn is_right(&self, sql: &str) -> Result<(), String> {
        let schema = self.schema();
        let Err(faults) = ground::sql(sql, &schema) else {
            return Ok(());
        };
        let reasons = ground::reasons(&faults);
        let unread = ground::unread(sql, &faults, &schema, &Mentions::default()).ok_or(reasons)?;
        let planned = self.plan(sql).await?;
        let grounded = unread.grounded(&planned.reads, planned.calls_routines, &schema);
        grounded.map(drop).map_err(|fault| fault.to_string())
    }
}

#[tokio::test]
async fn every_query_that_postgres_plans_is_right() {
    for (ddl, queries) in [
        ("postgres_syntax.sql", "postgres_syntax_right.sql"),
        ("postgres.sql", "postgres_right.sql"),
    ] {
        let warehouse = Warehouse::of(ddl).await;
        let mut wrong = Vec::new();
        for (heading, sql) in corpus(queries) {
            let sql = warehouse.in_database(&sql);
            if let Err(reason) = warehouse.plan(&sql).await {
                wrong.push(format!("{heading}: {sql}\n  Postgres rejects it: {reason}"));
            }
            if let Err(reason) = warehouse.is_right(&sql).await {
                wrong.push(format!("{heading}: {sql}\n  {reason}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    }
}

#[tokio::test]
async fn every_query_with_a_wrong_name_is_refused_as_postgres_rejects_it() {
    let warehouse = Warehouse::of("postgres_syntax.sql").await;
    for (heading, sql) in corpus("postgres_syntax_wrong.sql") {
        assert!(warehouse.plan(&sql).await.is_err(), "{heading}: {sql}");
        assert!(warehouse.is_right(&sql).await.is_err(), "{heading}: {sql}");
    }
    let warehouse = Warehouse::of("postgres.sql").await;
    let names = [
        FaultKind::Column,
        FaultKind::Field,
        FaultKind::Repeated,
        FaultKind::Ambiguous,
        FaultKind::Type,
    ];
    for (heading, sql) in corpus("postgres_wrong.sql") {
        let faults = ground::sql(&sql, &warehouse.schema()).expect_err(&sql);
        let is_about_names = faults.iter().all(|fault| names.contains(&fault.kind));
        assert!(
            !is_about_names || warehouse.plan(&sql).await.is_err(),
            "{heading}: {sql}"
        );
    }
}

#[tokio::test]
async fn what_reaches_files_other_servers_metadata_or_other_data_is_refused_although_postgres_plans_it()
 {
    let warehouse = Warehouse::of("postgres_syntax.sql").await;
    let unreadable = "order by 1 using <";
    for (heading, sql) in corpus("postgres_syntax_forbidden.sql") {
        assert!(warehouse.is_right(&sql).await.is_err(), "{heading}: {sql}");
        // Not even if the parser can't read it.
        let sql = format!("{sql} {unreadable}");
        assert!(warehouse.is_right(&sql).await.is_err(), "{heading}: {sql}");
    }
}

#[tokio::test]
async fn types_and_grouping_are_left_to_postgres() {
    let warehouse = Warehouse::of("postgres_syntax.sql").await;
    for (heading, sql) in corpus("postgres_syntax_planned.sql") {
        assert!(
            ground::sql(&sql, &warehouse.schema()).is_ok(),
            "{heading}: {sql}"
        );
        assert!(warehouse.plan(&sql).await.is_err(), "{heading}: {sql}");
    }
}

/// `metasync` after a sync of the schema `shop`, next to `hr`. The model answers with these queries.
async fn story(db: &Database, answers: &[&str]) -> (TestApp, LlmStub) {
    db.run(
        "create schema shop;
         create table shop.orders (id int, region text) partition by list (region);
         create table shop.orders_eu partition of shop.orders for values in ('eu');
         create schema hr;
         create table hr.people (id int, salary numeric);
         create view shop.totals as select sum(salary) as total from hr.people;
         create function shop.salaries() returns setof numeric language sql
         as $$ select salary from hr.people $$;
         create function public.leak(shop.orders) returns numeric language sql stable
         as $$ select max(salary) from hr.people $$;
         create function public.leak(int, int) returns boolean language sql stable
         as $$ select $1 < (select max(salary) from hr.people) $$;
         create operator public.@@@@ (leftarg = int, rightarg = int, function = public.leak);
         create table hr.log (id int, note text) partition by list (id);
         create table hr.log_2024 partition of hr.log default;
         create table public.visitors (id int, secret text) partition by list (id);
         create table public.visitors_2024 partition of public.visitors default;",
    )
    .await;
    let model = LlmStub::of_queries(answers).await;
    let separator = if db.url.contains('?') { '&' } else { '?' };
    let app = TestApp::with_env(model.env("gpt-test"))
        .set(
            "WAREHOUSE_URL",
            format!("{}{separator}schemas=shop", db.url),
        )
        .set("EXAMPLES_COUNT", "0")
        .start(metasync::app)
        .await;
    let synced = app.post("/v1/schema/sync", json!({})).await;
    assert_eq!(synced.status, 200, "{}", synced.text());
    (app, model)
}

async fn ask(app: &TestApp) -> Value {
    let reply = app
        .post("/v1/schema/sql", json!({"question": "How many orders?"}))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[tokio::test]
async fn sql_that_only_postgres_can_read_is_verified_by_its_plan() {
    for (sql, table) in [
        ("table shop.orders", "shop.orders"),
        (
            "select id from shop.orders order by id using <",
            "shop.orders",
        ),
        ("select count(*) as n from shop.orders_eu", "shop.orders"),
        (
            "select total from shop.totals order by total using <",
            "shop.totals",
        ),
    ] {
        let db = empty_database().await;
        let (app, _model) = story(&db, &[sql]).await;
        let answer = ask(&app).await;
        assert_eq!(answer["sql"], sql, "{answer}");
        assert_eq!(answer["verified"]["how"], "dry_run");
        let tables = answer["tables"].as_array().unwrap();
        let name = tables[0].as_str().unwrap();
        assert!(
            tables.len() == 1 && name.ends_with(&format!(".{table}")),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn sql_that_only_postgres_can_read_never_leaves_the_schema() {
    for sql in [
        "table hr.people",
        "select id from hr.people order by id using <",
        "select id from shop.orders where id in (select id from hr.people) order by id using <",
        "select total from shop.totals, hr.people order by total using <",
        "select s from shop.salaries() as s order by s using <",
        "select relname from pg_class order by relname using <",
        "select id from people order by id using <",
        // A partition of a table that is not in the schema.
        "select * from hr.log_2024",
        "table hr.log_2024",
        "table visitors_2024",
        "select id from shop.totals, hr.log_2024 order by id using <",
        // A row type has the columns of its table.
        "select (null::hr.people).* from shop.orders order by 1 using <",
        "select (null::visitors).* from shop.orders where '<a/>'::xml is document",
        // Functions that run without parentheses, or where a value ends.
        "select o.leak from shop.orders as o where '<a/>'::xml is document",
        "select id @@@@ 1 from shop.orders where '<a/>'::xml is document",
        "select distinct on (id) leak(id, 1) from shop.orders where '<a/>'::xml is document",
        "select id from shop.orders where '<a/>'::xml is document and (id) operator(public.@@@@) 1",
    ] {
        let db = empty_database().await;
        let (app, _model) = story(&db, &[sql, sql]).await;
        let answer = ask(&app).await;
        assert_eq!(answer["kind"], "cannot_answer", "{sql}: {answer}");
        assert_eq!(answer["sql"], Value::Null, "{sql}");
    }
}
