//! What a caller with a scope must not see of a Postgres warehouse, on `metasync`.

use kit::TestApp;
use kit::postgres::{Database, UNPRIVILEGED, empty_database};
use platform::Env;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The schema `shop` next to `hr`, and `zzhidden` without any table.
const WAREHOUSE: &str = "
    create schema shop; create schema hr; create schema zzhidden;
    create type zzhidden.zzmood as enum ('sad', 'happy');
    create type hr.zzgrade as enum ('a', 'b');
    create table hr.people (id int, yysalary numeric);
    create table shop.orders
      (id int primary key, mood zzhidden.zzmood, grade hr.zzgrade, boss hr.people, region text);
    create table shop.animal (id int);
    create table hr.zzcat (lives int) inherits (shop.animal);
    comment on column shop.orders.region is 'By zzgrade';";

struct Story {
    app: TestApp,
    db: Database,
}

impl Story {
    async fn begin(warehouse: &str, url: impl Fn(&Database) -> String) -> Self {
        let db = empty_database().await;
        db.run(warehouse).await;
        let url = url(&db);
        let sql = "select current_database()::text";
        let row = db.client().await.query_typed_one(sql, &[]).await.unwrap();
        let name: String = row.get(0);
        let token = |name: &str, datasets: &[String]| {
            let sha256 = Sha256::digest(name);
            let sha256: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({"name": name, "role": "admin", "scope": {"datasets": datasets}, "sha256": sha256})
        };
        let tokens = json!([
            token("all", &["*".to_owned()]),
            token("shop", &[format!("{name}.shop")]),
        ]);
        let app = TestApp::with_env(Env::default())
            .set("AUTH_TOKENS", tokens.to_string())
            .set("WAREHOUSE_URL", url)
            .set("EXAMPLES_COUNT", "0")
            .set("CACHE_FRESH_SECONDS", "0")
            .start(metasync::app)
            .await;
        let story = Self { app, db };
        story.sync("all").await;
        story
    }

    async fn sync(&self, token: &'static str) -> String {
        let reply = self.app.post("/v1/schema/sync", json!({})).bearer(token);
        let reply = reply.await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.text().to_owned()
    }

    async fn add(&self, token: &'static str, sql: &str) -> (u16, Value) {
        let body = json!({"question": "How many?", "sql": sql});
        let reply = self.app.post("/v1/schema/examples", body).bearer(token);
        let reply = reply.await;
        (reply.status.as_u16(), reply.json())
    }
}

fn of_schemas(db: &Database) -> String {
    let separator = if db.url.contains('?') { '&' } else { '?' };
    format!("{}{separator}schemas=shop,hr", db.url)
}

#[tokio::test]
async fn a_message_of_postgres_about_a_hidden_type_is_replaced_by_its_kind_and_place() {
    let story = Story::begin(WAREHOUSE, of_schemas).await;
    for (sql, name, expected) in [
        (
            "select id from shop.orders where mood = 'x'",
            "zzmood",
            "a value is not valid for its type at line 1, column 41",
        ),
        (
            "select id from shop.orders where mood = 1",
            "zzmood",
            "no function or operator takes values of these types: cast them at line 1, column 39",
        ),
        (
            "select id from shop.orders where boss = 1",
            "people",
            "no function or operator takes values of these types: cast them at line 1, column 39",
        ),
    ] {
        let (status, problem) = story.add("shop", sql).await;
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(status, 422, "{sql}");
        assert_eq!(
            detail,
            format!("the warehouse rejects the query: {expected}")
        );
        let (_, problem) = story.add("all", sql).await;
        assert!(problem.to_string().contains(name), "{problem}");
    }
    let sql = "select id from shop.orders where region = 1";
    let (_, problem) = story.add("shop", sql).await;
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("operator does not exist: text = integer"),
        "{detail}"
    );
}

#[tokio::test]
async fn no_response_to_a_scoped_admin_shows_a_hidden_type_or_the_fields_of_a_hidden_row_type() {
    let story = Story::begin(WAREHOUSE, of_schemas).await;
    let sql = "select id, mood, grade, boss from shop.orders";
    let (status, added) = story.add("shop", sql).await;
    assert_eq!(status, 201, "{added}");
    let (status, again) = story.add("shop", sql).await;
    assert_eq!((status, &again), (200, &added));
    // The whole document names what the view must not.
    let all = story.app.get("/v1/schema").bearer("all").await;
    assert!(all.text().contains("hr.zzgrade"), "{}", all.text());

    story
        .db
        .run("alter table hr.people add column yybonus numeric; alter table shop.orders add note text")
        .await;
    let synced = story.sync("shop").await;
    let document = story.app.get("/v1/schema").bearer("shop").await;
    assert!(synced.contains("note"), "{synced}");
    for text in [&added.to_string(), &synced, &document.text().to_owned()] {
        for hidden in ["zz", "yy", "hr."] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
    }
}

#[tokio::test]
async fn a_table_with_an_heir_in_another_schema_can_be_queried() {
    let story = Story::begin(WAREHOUSE, of_schemas).await;
    for token in ["shop", "all"] {
        let sql = format!("select id from shop.animal -- {token}");
        let (status, added) = story.add(token, &sql).await;
        assert_eq!(status, 201, "{added}");
        assert!(!added.to_string().contains("zzcat"), "{added}");
    }
}

#[tokio::test]
async fn a_query_of_a_readable_partition_reads_the_table_that_the_document_shows() {
    let warehouse = format!(
        "create schema shop; grant usage on schema shop to {UNPRIVILEGED};
         create table shop.log (id int, day int) partition by range (day);
         create table shop.log_1 partition of shop.log for values from (1) to (9);
         grant select on shop.log_1 to {UNPRIVILEGED};"
    );
    let story = Story::begin(&warehouse, Database::unprivileged_url).await;
    let (status, added) = story.add("shop", "select id from shop.log_1").await;
    assert_eq!(status, 201, "{added}");
    let table = added["tables"][0].as_str().unwrap();
    assert!(table.ends_with(".shop.log_1"), "{table}");
    let document = story.app.get("/v1/schema").bearer("shop").await.json();
    assert_eq!(document["tables"][0]["name"], table, "{document}");
    let sql = "table shop.log_1";
    let (status, added) = story.add("shop", sql).await;
    assert_eq!(status, 201, "{added}");
    assert_eq!(added["tables"], json!([table]));
}

#[tokio::test]
async fn no_answer_to_a_scoped_admin_confirms_a_field_of_a_hidden_type_or_a_hidden_collation() {
    let warehouse = format!(
        "{WAREHOUSE} alter table shop.orders add bosses hr.people[];
         create collation zzhidden.zzgerman from \"C\";"
    );
    let story = Story::begin(&warehouse, of_schemas).await;
    for sql in [
        "select (boss).* from shop.orders",
        "select ((bosses)[1]).* from shop.orders",
        "select b.* from shop.orders o, unnest(o.bosses) b",
        "select (coalesce(boss, boss)).* from shop.orders",
        "select (json_populate_record(boss, '{}')).* from shop.orders",
        "select (select boss from shop.orders limit 1).*",
        "with q as (select (boss).* from shop.orders) select * from q",
    ] {
        let (status, problem) = story.add("shop", sql).await;
        assert_eq!(status, 422, "{sql}: {problem}");
        assert!(
            !problem.to_string().contains("yysalary"),
            "{sql}: {problem}"
        );
    }
    for (sql, present, absent) in [
        (
            "select (boss).NAME from shop.orders",
            "yysalary",
            "yynothin",
        ),
        (
            "select NAME from (select (boss).* from shop.orders where region is document) x",
            "yysalary",
            "yynothin",
        ),
        (
            "select region collate \"zzhidden\".\"NAME\" from shop.orders",
            "zzgerman",
            "zznothin",
        ),
    ] {
        let [(status, found), (other, missing)] = [
            story.add("shop", &sql.replace("NAME", present)).await,
            story.add("shop", &sql.replace("NAME", absent)).await,
        ];
        assert_eq!((status, other), (422, 422), "{sql}: {found}");
        let detail = |problem: &Value, name: &str| {
            let detail = problem["detail"].as_str().unwrap();
            detail.replace(name, "NAME")
        };
        assert_eq!(detail(&found, present), detail(&missing, absent), "{sql}");
    }
    // Whoever sees the type may select its fields, which their result names.
    let (status, added) = story.add("all", "select (boss).* from shop.orders").await;
    assert_eq!(status, 201, "{added}");
    assert!(added.to_string().contains("yysalary"), "{added}");
    let seen = story.app.get("/v1/schema/examples").bearer("shop").await;
    assert!(!seen.text().contains("yysalary"), "{}", seen.text());
}
