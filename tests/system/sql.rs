//! From a question to verified SQL, on `metasync`: a sync, a prompt from the cache, an answer of a stubbed
//! model, and a plan by Postgres or by the stub of BigQuery, at each level of the cache.

use kit::TestApp;
use kit::bigquery::{BigQuery, Method};
use kit::llm::{Answer, EnrichPrompt, LlmRequest, LlmStub};
use kit::postgres::{Database, empty_database};
use platform::Env;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A model without descriptions, which gives these answers to questions in order.
async fn model(answers: Vec<Value>) -> LlmStub {
    let answers = std::sync::Mutex::new(answers.into_iter());
    LlmStub::start(move |request| {
        if is_from_sync(request) {
            return EnrichPrompt::parse(request).answer(|_, _| String::new(), &[]);
        }
        let next = answers.lock().unwrap().next();
        next.map_or(Answer::error(500, "server_error"), Answer::Json)
    })
    .await
}

fn is_from_sync(request: &LlmRequest) -> bool {
    let schema = request.schema.as_ref().expect("a schema");
    schema["properties"]["kind"].is_null()
}

fn questions(model: &LlmStub) -> Vec<LlmRequest> {
    let mut requests = model.requests();
    requests.retain(|request| !is_from_sync(request));
    requests
}

fn query(sql: &str) -> Value {
    json!({"kind": "query", "sql": sql, "answer": "", "reason": ""})
}

/// `metasync`, its model and its files.
struct Story {
    app: TestApp,
    model: LlmStub,
    folder: TempDir,
}

impl Story {
    async fn begin(model: LlmStub, warehouse: Env) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut env = model.env("gpt-test");
        for name in ["WAREHOUSE_URL", "BIGQUERY_EMULATOR_HOST"] {
            if let Some(value) = warehouse.get(name) {
                env = env.with(name, value);
            }
        }
        let bucket = folder.path().join("bucket");
        std::fs::create_dir(&bucket).unwrap();
        let app = TestApp::with_env(env)
            .set("BUCKET_URL", format!("file://{}", bucket.display()))
            .set("TMPDIR", folder.path().display().to_string())
            .set("CACHE_FRESH_SECONDS", "0")
            .set("EXAMPLES_COUNT", "2")
            .start(metasync::app)
            .await;
        Self { app, model, folder }
    }

    async fn sync(&self) {
        let reply = self.app.post("/v1/schema/sync", json!({})).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    async fn ask(&self, question: &str) -> kit::Reply {
        let body = json!({"question": question});
        self.app.post("/v1/schema/sql", body).await
    }

    async fn sql(&self, question: &str) -> Value {
        let reply = self.ask(question).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }
}

async fn shop() -> Database {
    let database = empty_database().await;
    database
        .run(
            "create schema shop;
             create schema hr;
             create table shop.customers (id bigint primary key, name text not null);
             create table shop.orders (
               id bigint primary key,
               customer_id bigint not null references shop.customers (id),
               total numeric(10, 2) not null,
               placed_at timestamptz not null);
             comment on column shop.orders.total is 'what was paid, in euros';
             create table hr.people (id bigint primary key, salary numeric);",
        )
        .await;
    database
}

fn postgres(database: &Database) -> Env {
    Env::default().with("WAREHOUSE_URL", &database.url)
}

#[tokio::test]
async fn a_question_becomes_sql_that_postgres_has_planned() {
    let good = "select c.name, sum(o.total) as paid from shop.orders as o \
                join shop.customers as c on c.id = o.customer_id group by c.name";
    let database = shop().await;
    let story = Story::begin(model(vec![query(good)]).await, postgres(&database)).await;
    story.sync().await;

    let answer = story.sql("What did each customer pay?").await;

    assert_eq!(
        (&answer["kind"], &answer["sql"]),
        (&json!("query"), &json!(good))
    );
    assert_eq!(answer["verified"]["how"], "dry_run");
    let columns = answer["verified"]["columns"].as_array().unwrap();
    let columns: Vec<_> = columns
        .iter()
        .map(|it| [&it["name"], &it["type"]])
        .collect();
    assert_eq!(columns, [["name", "text"], ["paid", "numeric"]]);
    assert_eq!(answer["bytes_processed"], Value::Null);
    let tables = answer["tables"].as_array().unwrap();
    assert!(
        tables
            .iter()
            .all(|it| it.as_str().unwrap().contains(".shop."))
    );
    assert_eq!(tables.len(), 2);
    let asked = &questions(&story.model)[0];
    assert!(
        asked.user.contains("what was paid, in euros"),
        "{}",
        asked.user
    );
    assert!(asked.user.contains("<examples>\nQ: "), "{}", asked.user);
    assert!(asked.system.contains("PostgreSQL"));
}

#[tokio::test]
async fn an_error_from_postgres_is_sent_to_the_model_for_a_repair() {
    let wrong = "select sum(c.name) as n from shop.customers as c";
    let good = "select count(*) as n from shop.customers";
    let database = shop().await;
    let answers = vec![query(wrong), query(good)];
    let story = Story::begin(model(answers).await, postgres(&database)).await;
    story.sync().await;

    let answer = story.sql("How many customers are there?").await;

    assert_eq!(answer["sql"], good);
    let repair = &questions(&story.model)[1].user;
    assert!(
        repair.contains("function sum(text) does not exist at line 1"),
        "{repair}"
    );
}

#[tokio::test]
async fn sql_on_a_table_dropped_after_the_sync_is_refused() {
    let sql = "select count(*) as n from shop.orders";
    let database = shop().await;
    let answers = vec![query(sql), query(sql)];
    let story = Story::begin(model(answers).await, postgres(&database)).await;
    story.sync().await;
    database.run("drop table shop.orders").await;

    let answer = story.sql("How many orders are there?").await;

    assert_eq!(answer["kind"], "cannot_answer");
    let reason = answer["reason"].as_str().unwrap();
    assert!(
        reason.contains("relation \"shop.orders\" does not exist"),
        "{reason}"
    );
}

#[tokio::test]
async fn refused_sql_is_never_planned_by_postgres() {
    let database = shop().await;
    let elsewhere = empty_database().await;
    let name: String = {
        let client = database.client().await;
        let sql = "select current_database()::text";
        client.query_typed_one(sql, &[]).await.unwrap().get(0)
    };
    let open = async |is_open: bool| {
        let sql = format!("alter database \"{name}\" with allow_connections {is_open}");
        elsewhere.run(&sql).await;
    };
    // Planning connects first, so with connections disabled, an attempt to plan returns 503.
    let planned = "select count(*) as n from shop.orders";
    let story = Story::begin(model(vec![query(planned)]).await, postgres(&database)).await;
    story.sync().await;
    open(false).await;
    assert_eq!(story.ask("How many orders?").await.status.as_u16(), 503);
    open(true).await;

    let refused = [
        "delete from shop.orders",
        "with gone as (delete from shop.orders returning id) select id from gone",
        "select id into shop.copy from shop.orders",
        "select id from shop.orders for update",
        "select pg_sleep(60)",
        "select lo_import('/etc/passwd')",
        "select pg_read_file('/etc/passwd')",
        "select * from pg_read_file('/etc/passwd')",
        "select * from pg_ls_dir('/')",
        "select * from dblink('dbname=x', 'select 1') as t (n int)",
        "select query_to_xml('select salary from hr.people', true, true, '')",
        "select set_config('search_path', 'hr', false)",
        "select current_setting('data_directory')",
        "select nextval('shop.counter')",
        "select length(repeat('a', 1000000000))",
        "copy shop.orders to '/tmp/orders'",
        "do $$ begin delete from shop.orders; end $$",
        "select 1; drop table shop.orders",
        "select id from shop.orders -- x\r; drop table shop.orders",
        "select id from shop.orders -- a comment",
        "select E'a'\n'\\' -- ', salary from hr.people -- '\nfrom shop.orders",
        "select U&\"\\0069d\" from shop.orders",
        "select rolname from pg_catalog.pg_roles",
        "select table_name from information_schema.tables",
        "select id from orders",
    ];
    let answers = refused.iter().flat_map(|sql| [query(sql), query(sql)]);
    let story = Story::begin(model(answers.collect()).await, postgres(&database)).await;
    story.sync().await;
    open(false).await;
    for sql in refused {
        let reply = story.ask("How many orders are there?").await;
        assert_eq!(reply.status, 200, "{sql}: {}", reply.text());
        let answer = reply.json();
        assert_eq!(answer["kind"], "cannot_answer", "{sql}: {answer}");
    }
    open(true).await;
    database.run("select id from shop.orders").await;
}

#[tokio::test]
async fn an_unqualified_name_never_reads_a_table_that_was_not_synced() {
    let bare = "select o.* from orders as o";
    let whole = "select o.id from shop.orders as o";
    let database = shop().await;
    database
        .run("create table public.orders (id bigint, secret text)")
        .await;
    let separator = if database.url.contains('?') { '&' } else { '?' };
    let url = format!("{}{separator}schemas=shop,hr", database.url);
    let env = Env::default().with("WAREHOUSE_URL", url);
    let story = Story::begin(model(vec![query(bare), query(whole)]).await, env).await;
    story.sync().await;

    let answer = story.sql("Which orders are there?").await;

    assert_eq!(answer["sql"], whole);
    assert!(!answer.to_string().contains("secret"), "{answer}");
    let repair = &questions(&story.model)[1].user;
    assert!(repair.contains("orders is short for "), "{repair}");
    assert!(!repair.contains("public"), "{repair}");
}

#[tokio::test]
async fn a_question_becomes_sql_with_an_estimate_from_bigquery() {
    let bigquery = BigQuery::start().await;
    let fields = json!([
        {"name": "id", "type": "INTEGER"},
        {"name": "items", "type": "RECORD", "mode": "REPEATED", "fields": [
            {"name": "sku", "type": "STRING"},
            {"name": "price", "type": "FLOAT"},
        ]},
    ]);
    for day in ["20260101", "20260102"] {
        bigquery.table("p.shop", &format!("orders_{day}"), fields.clone());
    }
    let good = "select count(*) as n from `p.shop.orders_*` as o cross join unnest(o.items) as item \
                where _TABLE_SUFFIX between '20260101' and '20260102' and item.price > 10";
    let below_an_array = "select items.sku from `p.shop.orders_*`";
    let env = Env::default()
        .with("WAREHOUSE_URL", "bigquery://p/shop")
        .with("BIGQUERY_EMULATOR_HOST", bigquery.host());
    let answers = vec![query(below_an_array), query(good)];
    let story = Story::begin(model(answers).await, env).await;
    story.sync().await;
    bigquery.reset_calls();

    let answer = story.sql("How many items above 10 were sold?").await;

    assert_eq!(answer["sql"], good);
    assert_eq!(answer["bytes_processed"], 1_048_576);
    assert_eq!(answer["verified"]["how"], "dry_run");
    assert_eq!(answer["tables"], json!(["p.shop.orders_*"]));
    assert_eq!(bigquery.calls(Method::Insert), 1);
    let asked = questions(&story.model);
    assert!(asked[0].user.contains("p.shop.orders_*") && asked[0].user.contains("price"));
    assert!(asked[1].user.contains("<error>"));
}

#[tokio::test]
async fn a_question_is_answered_from_a_fresh_or_stale_cache_but_not_before_the_first_sync() {
    let sql = "select count(*) as n from shop.orders";
    let database = shop().await;
    let level = |reply: &kit::Reply| reply.header("metasync-cache").unwrap().to_owned();

    let story = Story::begin(model(vec![query(sql)]).await, postgres(&database)).await;
    let early = story.ask("How many orders are there?").await;
    assert_eq!(
        (early.status.as_u16(), level(&early)),
        (503, "builtin".to_owned())
    );
    assert!(early.text().contains("nothing is synced yet"));
    assert!(questions(&story.model).is_empty());

    let answers = vec![query(sql), query(sql)];
    let story = Story::begin(model(answers).await, postgres(&database)).await;
    story.sync().await;
    let fresh = story.ask("How many orders are there?").await;
    assert_eq!(level(&fresh), "fresh", "{}", fresh.text());
    assert_eq!(fresh.json()["sql"], sql);

    let head = story
        .folder
        .path()
        .join("bucket/schema/metadata_cache.json");
    std::fs::write(head, "{\"format\": 1,").unwrap();
    let stale = story.ask("How many orders are there?").await;
    assert_eq!(level(&stale), "stale");
    assert_eq!(stale.json()["sql"], sql);
    assert_eq!(stale.json()["version"], fresh.json()["version"]);
}
