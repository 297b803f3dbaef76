//! The extensions of a database.

use schema::document::Extension;

use super::*;

#[tokio::test]
async fn extensions_are_read_with_the_functions_that_only_compute() {
    let db = warehouse(
        "create schema tools;
         create extension pg_trgm schema tools;
         create extension hstore;",
    )
    .await;
    let source = source(&db, "");
    assert_eq!(source.describe().extensions, None, "nothing is read yet");
    read(&source).await;

    let extensions = source.describe().extensions.expect("they are read");
    let of = |name: &str| -> &Extension {
        let found = extensions.iter().find(|it| it.name == name);
        found.expect("it is installed")
    };
    let has = |names: &[String], name: &str| names.iter().any(|it| it == name);
    let trigrams = of("pg_trgm");
    assert_eq!(trigrams.schema, "tools");
    assert!(has(&trigrams.functions, "similarity") && has(&trigrams.operators, "<->"));
    // It sets a parameter of the session.
    assert!(!has(&trigrams.functions, "set_limit"));
    let hstore = of("hstore");
    assert!(has(&hstore.types, "hstore") && has(&hstore.functions, "each"));
    assert!(has(&hstore.operators, "->"));
    // No query can call the input and output functions of a type.
    assert!(!has(&hstore.functions, "hstore_in"));
    assert!(
        extensions.iter().all(|it| it.name != "plpgsql"),
        "it has none"
    );
}

#[tokio::test]
async fn extensions_that_cannot_be_read_are_a_problem_and_the_known_ones_stay() {
    let db = warehouse(SHOP).await;
    db.run(&format!(
        "create extension hstore;
         grant usage on schema shop to {UNPRIVILEGED};
         grant select on all tables in schema shop to {UNPRIVILEGED};"
    ))
    .await;
    let source = as_stranger(&db);
    let before = read(&source).await;
    let known = source.describe().extensions;
    assert!(known.as_ref().is_some_and(|it| !it.is_empty()));

    let admin = platform::postgres::open_url("ADMIN_URL", &db.admin_url(), &Env::default());
    let admin = admin.unwrap().get().await.unwrap();
    admin
        .batch_execute("revoke select on pg_catalog.pg_extension from public")
        .await
        .unwrap();
    let reading = read(&source).await;
    assert_eq!(reading.tables.len(), before.tables.len());
    assert_eq!(source.describe().extensions, known);
    let problems = reading.problems.iter().map(|it| it.subject.as_str());
    assert_eq!(problems.collect::<Vec<_>>(), ["extensions"]);
}

#[tokio::test]
async fn a_query_that_locks_rows_is_rejected() {
    let db = warehouse(SHOP).await;
    let sql = "select id from shop.customer for no key update";
    let plan = source(&db, "").plan(sql, &Usage::default()).await.unwrap();
    let Plan::Rejected(reason) = plan else {
        panic!("{plan:?}");
    };
    assert!(reason.message.starts_with("it writes"), "{reason}");
}
