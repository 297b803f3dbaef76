//! Bytes that are no text: a database without an encoding stores them, and a sync goes on.

use super::*;

/// Every kind of text with a byte that is not UTF-8, next to good ones.
const BAD: &str = r#"
create schema shop;
create type shop.mood as enum ('happy', E'caf\351');
create table shop.good (id int primary key);
comment on table shop.good is E'a caf\303\251';
create table shop.bad (id int, mood shop.mood, note text);
comment on table shop.bad is E'caf\351';
comment on column shop.bad.note is E'caf\351';
do $$ begin
  execute E'create table shop.column_name (id int, "caf\351" int, primary key (id, "caf\351"))';
  execute E'create table shop."caf\351" (id int)';
  execute E'create schema "caf\351"';
  execute E'create table "caf\351".it (id int)';
end $$;"#;

#[tokio::test]
async fn a_byte_that_is_not_utf_8_costs_its_own_text_and_is_reported_with_its_table() {
    let db = database_of_any_bytes().await;
    db.run(BAD).await;
    let reading = read(&source(&db, "")).await;
    let names = reading.tables.iter().map(Table::own_name);
    assert_eq!(names.collect::<Vec<_>>(), ["bad", "column_name", "good"]);

    let [bad, column_name, good] = &reading.tables[..] else {
        panic!("three tables");
    };
    assert_eq!(good.description.as_deref(), Some("a café"));
    assert_eq!(good.primary_key, ["id"]);
    assert_eq!(bad.description, None);
    assert_eq!(column(bad, "note").description, None);
    assert_eq!(column(bad, "mood").enum_labels, ["happy"]);
    assert_eq!(column_name.columns.len(), 1);
    assert_eq!(column_name.primary_key, [""; 0], "a key without a column");

    let told = reading.problems.iter().map(|problem| {
        let subject = problem.subject.split_once('.').unwrap().1;
        format!("{subject}: {}", problem.detail)
    });
    let advice = "the database stores any bytes (SQL_ASCII), so write these texts again in UTF-8";
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "caf\u{fffd}: the name of caf\u{fffd}.it is not UTF-8, so the table is omitted: rename it"
                .to_owned(),
            "shop: the name of shop.caf\u{fffd} is not UTF-8, so the table is omitted: rename it"
                .to_owned(),
            format!(
                "shop.bad: omitted, because it is not UTF-8: its comment, the comment on column note, \
                 a text of the type of column mood; {advice}"
            ),
            format!(
                "shop.column_name: omitted, because it is not UTF-8: column caf\u{fffd}; {advice}"
            ),
        ]
    );
}

#[tokio::test]
async fn a_query_of_a_database_without_an_encoding_is_planned() {
    let db = database_of_any_bytes().await;
    db.run(BAD).await;
    let sql = "select note from shop.bad";
    let plan = source(&db, "").plan(sql, &Usage::default()).await.unwrap();
    assert!(matches!(plan, Plan::Accepted(_)), "{plan:?}");
}

#[tokio::test]
async fn a_name_of_an_extension_that_is_not_utf_8_is_omitted() {
    let db = database_of_any_bytes().await;
    db.run(BAD).await;
    db.run(
        r#"create extension hstore;
           do $$ begin
             execute E'create function "caf\351"() returns int immutable language sql as ''select 1''';
             execute E'alter extension hstore add function "caf\351"()';
           end $$;"#,
    )
    .await;
    let source = source(&db, "");
    read(&source).await;
    let extensions = source.describe().extensions.expect("they are read");
    let [hstore] = &extensions[..] else {
        panic!("{extensions:?}");
    };
    assert!(hstore.functions.iter().any(|it| it == "each"));
    assert!(hstore.functions.iter().all(|it| !it.starts_with("caf")));
}
