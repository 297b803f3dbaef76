//! Postgres behind PgBouncer in transaction mode, with fewer connections than clients.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use platform::Env;
use platform::postgres::types::Type;
use platform::postgres::{Pool, migrate, open};
use tempfile::TempDir;
use tokio_postgres::error::SqlState;
use warehouse::source::postgres::Postgres;
use warehouse::{Plan, Source as _, Usage};

use crate::server::Server;

struct Pooled {
    url: String,
    _pooler: Server,
    _folder: TempDir,
    _postgres: throwaway_postgres::Server,
}

/// Starts a pooler with `connections` connections to Postgres.
fn pooled(connections: u32) -> Pooled {
    let postgres = throwaway_postgres::Server::start(&Env::from_process()).unwrap();
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let file = |port: u16| folder.path().join(format!("{port}.ini"));
    let pooler = Server::start("pgbouncer", "pgbouncer", |port| {
        let configuration = format!(
            "[databases]\n\
             * = host={} port=5432 user=metasync\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = any\n\
             pool_mode = transaction\n\
             default_pool_size = {connections}\n\
             max_client_conn = 200\n",
            postgres.folder().display()
        );
        fs::write(file(port), configuration).unwrap();
        let mut arguments = vec![file(port).display().to_string()];
        // PgBouncer refuses to run as root, and needs access to the socket of Postgres.
        if folder.path().metadata().unwrap().uid() == 0 {
            arguments.extend(["-u".to_owned(), owner(&postgres)]);
        }
        arguments
    });
    Pooled {
        url: format!("postgres://app@{}/metasync", pooler.address),
        _pooler: pooler,
        _folder: folder,
        _postgres: postgres,
    }
}

fn owner(postgres: &throwaway_postgres::Server) -> String {
    let uid = postgres.folder().metadata().unwrap().uid().to_string();
    let name = Command::new("id").args(["-un", &uid]).output().unwrap();
    String::from_utf8(name.stdout).unwrap().trim().to_owned()
}

fn env(pooled: &Pooled) -> Env {
    Env::default().with("DATABASE_URL", pooled.url.as_str())
}

async fn run(pool: &Pool, sql: &str) {
    pool.get().await.unwrap().batch_execute(sql).await.unwrap();
}

/// Shows that the other tests would fail with prepared statements.
#[tokio::test]
async fn a_prepared_statement_is_missing_on_another_connection_of_the_pooler() {
    let pooled = pooled(2);
    let pool = open(&env(&pooled)).unwrap();
    let mut first = pool.get().await.unwrap();
    let second = pool.get().await.unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "the test shows why they are disallowed"
    )]
    let statement = second.prepare("select 1").await.unwrap();
    // The pooler prefers the most recently used connection.
    let _busy = first.transaction().await.unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "the test shows why they are disallowed"
    )]
    let error = second.query(&statement, &[]).await.unwrap_err();
    assert_eq!(error.code().map(SqlState::code), Some("26000"), "{error:?}");
}

#[tokio::test]
async fn concurrent_migrations_apply_once_even_over_one_connection() {
    let pooled = pooled(1);
    let files = [
        (
            "0001_one.sql",
            "-- one\ncreate schema one; create table one.it (id int);",
        ),
        ("0002_two.sql", "-- two\ncreate table one.other (id int);"),
    ];
    let runs: Vec<_> = (0..6)
        .map(|_| {
            let env = env(&pooled);
            tokio::spawn(async move { migrate(&env, &files).await.unwrap() })
        })
        .collect();
    let mut applied = Vec::new();
    for run in runs {
        applied.extend(run.await.unwrap());
    }
    assert_eq!(applied, ["0001_one.sql", "0002_two.sql"]);
}

#[tokio::test]
async fn typed_queries_of_many_clients_share_few_connections() {
    let pooled = pooled(2);
    let pool = open(&env(&pooled)).unwrap();
    run(&pool, "create table it (client bigint, number bigint)").await;
    let clients: Vec<_> = (0..12_i64)
        .map(|client| {
            let pool = pool.clone();
            tokio::spawn(async move {
                for number in 0..40_i64 {
                    let mut db = pool.get().await.unwrap();
                    let write = db.transaction().await.unwrap();
                    let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
                        [(&client, Type::INT8), (&number, Type::INT8)];
                    write
                        .execute_typed("insert into it values ($1, $2)", &values)
                        .await
                        .unwrap();
                    write.commit().await.unwrap();
                    let sql = "select count(*) from it where client = $1";
                    let row = db
                        .query_typed_one(sql, &[(&client, Type::INT8)])
                        .await
                        .unwrap();
                    assert_eq!(row.get::<_, i64>(0), number + 1);
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn a_warehouse_behind_a_pooler_is_read_and_plans_queries_with_custom_types() {
    let pooled = pooled(2);
    let pool = open(&env(&pooled)).unwrap();
    run(
        &pool,
        "create schema shop;
         create type shop.status as enum ('open', 'paid');
         create type shop.place as (city text, street text);
         create table shop.orders (id int primary key, status shop.status, place shop.place)",
    )
    .await;
    let source = Postgres::open(&pooled.url, &Env::default()).unwrap();
    let usage = Usage::default();
    let sql = "select status, place, array_agg(status) from shop.orders group by 1, 2";
    for _ in 0..4 {
        let (one, two, three, reading) = tokio::join!(
            source.plan(sql, &usage),
            source.plan(sql, &usage),
            source.plan("select nothing from shop.orders", &usage),
            source.read(&[], &usage),
        );
        assert!(matches!(one, Ok(Plan::Accepted(_))), "{one:?}");
        assert!(matches!(two, Ok(Plan::Accepted(_))), "{two:?}");
        assert!(matches!(three, Ok(Plan::Rejected(_))), "{three:?}");
        assert_eq!(reading.unwrap().tables.len(), 1);
    }
}
