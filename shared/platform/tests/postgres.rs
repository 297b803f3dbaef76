//! The pool, migrations and errors, with a real server.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::routing::post;
use kit::TestApp;
use kit::postgres::empty_database;
use platform::auth::Kind;
use platform::postgres::scoped::{self, Scope};
use platform::postgres::types::Type;
use platform::postgres::{Pool, migrate, open};
use platform::{Env, Error, Resources};

const ONE: (&str, &str) = (
    "0001_one.sql",
    "-- one\ncreate table public.first (id int);",
);
const TWO: (&str, &str) = (
    "0002_two.sql",
    "-- two\ncreate table public.second (id int); create table public.third (id int);",
);

async fn tables(db: &kit::postgres::Database) -> BTreeSet<String> {
    let client = db.client().await;
    let rows = client
        .query_typed(
            "select tablename::text from pg_tables where schemaname = 'public'",
            &[],
        )
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn each_migration_is_applied_once_and_in_order() {
    let db = empty_database().await;
    assert_eq!(
        migrate(&db.env(), &[TWO, ONE]).await.unwrap(),
        ["0001_one.sql", "0002_two.sql"]
    );
    assert!(migrate(&db.env(), &[ONE, TWO]).await.unwrap().is_empty());
    assert_eq!(
        tables(&db).await,
        ["first", "second", "third"].map(str::to_owned).into()
    );
}

#[tokio::test]
async fn the_migrations_apply_to_an_empty_database_once() {
    let db = empty_database().await;
    migrate(&db.env(), migrations::FILES).await.unwrap();
    assert!(
        migrate(&db.env(), migrations::FILES)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn of_concurrent_migrations_one_runs() {
    let db = empty_database().await;
    let runs = (0..8).map(|_| {
        let env = db.env();
        tokio::spawn(async move { migrate(&env, &[ONE, TWO]).await.unwrap() })
    });
    let mut applied = Vec::new();
    for run in runs.collect::<Vec<_>>() {
        applied.extend(run.await.unwrap());
    }
    assert_eq!(applied, ["0001_one.sql", "0002_two.sql"]);
}

#[tokio::test]
async fn a_failed_migration_changes_nothing() {
    let db = empty_database().await;
    let broken = (
        "0002_broken.sql",
        "create table second (id int); insert into nowhere values (1)",
    );
    let error = migrate(&db.env(), &[ONE, broken])
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("V2__broken") && error.contains("nowhere"),
        "{error}"
    );
    assert!(tables(&db).await.is_empty());
    assert_eq!(migrate(&db.env(), &[ONE, TWO]).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_history_that_contradicts_the_files_is_refused() {
    let db = empty_database().await;
    migrate(&db.env(), &[ONE, ("0003_three.sql", "select 1")])
        .await
        .unwrap();
    let three = ("0003_three.sql", "select 1");

    let cases = [
        (
            vec![("0001_one.sql", "select 2"), three],
            "changed or renamed after it was applied",
        ),
        (
            vec![("0001_renamed.sql", ONE.1), three],
            "changed or renamed after it was applied",
        ),
        (vec![ONE], "a newer version has migrated it"),
        (
            vec![ONE, TWO, three],
            "has a lower number than an applied one",
        ),
        (
            vec![ONE, three, ("3.sql", "select 1")],
            "write 0001_owner_what.sql",
        ),
    ];
    for (files, reason) in cases {
        let error = migrate(&db.env(), &files).await.unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
    assert_eq!(tables(&db).await, ["first".to_owned()].into());
}

#[tokio::test]
async fn a_connection_that_died_while_idle_is_replaced() {
    let db = empty_database().await;
    let pool = open(&db.env().with("DATABASE_POOL_SIZE", "1")).unwrap();
    let backend = "select pg_backend_pid()";
    let first: i32 = pool
        .get()
        .await
        .unwrap()
        .query_typed_one(backend, &[])
        .await
        .unwrap()
        .get(0);

    let terminate = "select pg_terminate_backend($1, 5000)";
    db.client()
        .await
        .query_typed(terminate, &[(&first, Type::INT4)])
        .await
        .unwrap();

    let second: i32 = pool
        .get()
        .await
        .unwrap()
        .query_typed_one(backend, &[])
        .await
        .unwrap()
        .get(0);
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_server_that_is_down_is_unavailable() {
    let folder = std::env::temp_dir();
    let url = format!(
        "postgres:///d?user=u&host={}/nobody-listens-here",
        folder.display()
    );
    let pool = open(&Env::default().with("DATABASE_URL", url)).unwrap();
    let error = Error::from(pool.get().await.unwrap_err());
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_failed_connection_names_the_host_and_the_port_and_never_the_login() {
    let url = "postgres://anna:hunter2@127.0.0.1:9/d?sslmode=disable";
    let pool = open(&Env::default().with("DATABASE_URL", url)).unwrap();
    let Error::Unavailable { detail, cause } = Error::from(pool.get().await.unwrap_err()) else {
        panic!("a closed port is unavailable");
    };
    assert_eq!(detail, "the database is not available: try again");
    let cause = format!("{:#}", cause.unwrap());
    assert!(cause.contains("127.0.0.1:9"), "{cause}");
    assert!(
        !cause.contains("anna") && !cause.contains("hunter2"),
        "{cause}"
    );
}

#[tokio::test]
async fn a_refused_login_is_unavailable_and_names_the_variable_to_correct() {
    let db = empty_database().await;
    let client = db.client().await;
    for code in ["28P01", "28000", "3D000"] {
        let raised = format!("do $$ begin raise sqlstate '{code}'; end $$");
        let error = Error::from(client.batch_execute(&raised).await.unwrap_err());
        let Error::Unavailable { detail, cause } = error else {
            panic!("{code}: {error:?}");
        };
        assert!(detail.contains("DATABASE_URL"), "{detail}");
        assert!(format!("{cause:?}").contains(code), "{code}: {cause:?}");
    }
}

#[tokio::test]
async fn a_lost_race_a_timeout_and_a_missing_migration_are_unavailable_and_a_mistake_is_internal() {
    let db = empty_database().await;
    let client = db.client().await;
    let raise = |code: &str| format!("do $$ begin raise sqlstate '{code}'; end $$");
    for code in [
        "40001", "40P01", "53300", "55P03", "57014", "57P01", "08006",
    ] {
        let error = Error::from(client.batch_execute(&raise(code)).await.unwrap_err());
        assert!(
            matches!(error, Error::Unavailable { .. }),
            "{code}: {error:?}"
        );
    }
    for code in ["42P01", "42703", "42704", "42883", "42P10", "3F000"] {
        let error = Error::from(client.batch_execute(&raise(code)).await.unwrap_err());
        let Error::Unavailable { detail, cause } = error else {
            panic!("{code}: {error:?}");
        };
        assert_eq!(
            detail,
            "the database is not migrated to this release: run `metasync migrate`"
        );
        assert!(format!("{cause:?}").contains(code), "{code}: {cause:?}");
    }
    for code in ["23505", "22P02", "XX000", "55000"] {
        let error = Error::from(client.batch_execute(&raise(code)).await.unwrap_err());
        assert!(matches!(error, Error::Internal(_)), "{code}: {error:?}");
    }
}

#[tokio::test]
async fn an_error_names_the_constraint_and_never_a_value() {
    let db = empty_database().await;
    db.run("create table person (email text primary key, age int check (age > 0))")
        .await;
    let client = db.client().await;
    let insert = "insert into person values ('secret@example.com', 1)";
    client.batch_execute(insert).await.unwrap();

    for (sql, name) in [
        (insert, "person_pkey"),
        (
            "insert into person values ('secret@example.com 2', -1)",
            "person_age_check",
        ),
        ("select 'secret@example.com'::int", "22P02"),
    ] {
        let error = client.batch_execute(sql).await.unwrap_err();
        let Error::Internal(cause) = Error::from(error) else {
            panic!("{sql} is our mistake");
        };
        let text = format!("{cause:#} {cause:?}");
        assert!(text.contains(name), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}

#[tokio::test]
async fn the_pool_refuses_if_every_connection_is_busy_for_too_long() {
    let db = empty_database().await;
    let pool = open(&db.env().with("DATABASE_POOL_SIZE", "1")).unwrap();
    let _busy = pool.get().await.unwrap();
    tokio::time::pause();
    let error = Error::from(pool.get().await.unwrap_err());
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn each_test_app_has_a_migrated_database_of_its_own() {
    async fn add(State(pool): State<Pool>) -> platform::Result<String> {
        let db = pool.get().await?;
        db.batch_execute("create table note (id int)").await?;
        let migrations = "select count(*) from metasync.migration";
        let row = db.query_typed_one(migrations, &[]).await?;
        Ok(row.get::<_, i64>(0).to_string())
    }
    let app = |resources: &Resources| {
        let routes = platform::Router::new().route("/v1/notes", post(add));
        Ok(routes.with_state(resources.postgres()?))
    };

    // If they shared a database, the second would find the table of the first.
    let (one, other) = (TestApp::start(app).await, TestApp::start(app).await);
    for app in [&one, &other] {
        let reply = app.post("/v1/notes", ()).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

#[tokio::test]
async fn a_transaction_knows_the_person_for_whom_it_runs_and_the_next_one_does_not() {
    let db = empty_database().await;
    let pool = open(&db.env()).unwrap();
    let person = uuid::Uuid::from_u128(7);
    let orders = Scope::all(Kind::new("orders"));
    let sql = "select current_setting('app.person')";
    for (scope, expected) in [
        (orders.clone().by(Some(person)), person.to_string()),
        (orders.clone(), String::new()),
        (orders.clone().by(Some(person)).by(None), String::new()),
    ] {
        let mut client = pool.get().await.unwrap();
        let rows = scoped::query(&client, &scope, sql, &[]).await.unwrap();
        assert_eq!(rows[0].get::<_, String>(0), expected);
        let transaction = scoped::begin(&mut client, &scope).await.unwrap();
        let rows = transaction.query_typed(sql, &[]).await.unwrap();
        assert_eq!(rows[0].get::<_, String>(0), expected);
    }
}
