//! What a writer of SQL needs besides names and types: labels, defaults, collation, inheritance.

use super::*;

fn names(names: &[schema::name::TableName]) -> Vec<String> {
    let own = names
        .iter()
        .map(|name| format!("{}.{}", name.dataset, name.table));
    own.collect()
}

#[tokio::test]
async fn the_labels_of_an_enum_are_kept_in_their_order_wherever_the_type_is_used() {
    let db = warehouse(
        "create type mood as enum ('sad', 'it''s ok', 'happy');
         alter type mood add value 'so-so' before 'it''s ok';
         create domain good_mood as mood check (value <> 'sad');
         create type visit as (at date, mood mood, moods mood[]);
         create table t (plain mood, many mood[], checked good_mood, last visit, text text)",
    )
    .await;
    let tables = tables(&source(&db, "")).await;
    let t = &tables["public.t"];
    let labels = ["sad", "so-so", "it's ok", "happy"];
    for path in ["plain", "many", "checked", "last.mood", "last.moods"] {
        let column = column(t, path);
        assert_eq!(column.enum_labels, labels, "{path}");
        assert_eq!(column.data_type, "public.mood", "{path}");
    }
    assert_eq!(column(t, "text").enum_labels, [""; 0]);

    db.run("alter type mood add value 'elated'").await;
    let before = [t.clone()];
    let after = read(&source(&db, "")).await.tables;
    let changes = schema::diff::tables(&before, &after);
    let change = &changes[0];
    assert_eq!(change.path.as_deref(), Some("plain"));
    assert_eq!(change.kind, schema::diff::ChangeKind::EnumLabels);
    assert!(!change.breaking, "a new label breaks no query");
    assert_eq!(
        change.to.as_deref(),
        Some("sad, so-so, it's ok, happy, elated")
    );
}

#[tokio::test]
async fn an_enum_with_more_labels_than_a_document_holds_is_cut() {
    let labels: Vec<String> = (0..1_200).map(|n| format!("'l{n}'")).collect();
    let sql = format!(
        "create type many as enum ({}); create table t (m many)",
        labels.join(", ")
    );
    let tables = tables(&source(&warehouse(&sql).await, "")).await;
    let column = column(&tables["public.t"], "m");
    assert_eq!(column.enum_labels.len(), schema::bounds::MAX_LABELS);
    assert!(column.cut);
}

#[tokio::test]
async fn defaults_and_collations_are_kept_unless_they_are_the_usual_ones() {
    let db = warehouse(
        r#"create schema shop;
           create collation shop.german (provider = libc, locale = 'C');
           create domain shop.code as text collate "C";
           create table shop.t (
             id bigint generated always as identity,
             price numeric default 0,
             total numeric generated always as (price * 2) stored,
             at timestamptz default now(),
             state text not null default 'it''s new',
             plain text,
             raw text collate "C",
             own text collate shop.german,
             code shop.code,
             name name,
             raws text[] collate "C")"#,
    )
    .await;
    let tables = tables(&source(&db, "")).await;
    let t = &tables["shop.t"];
    let default = |path| column(t, path).default.as_deref();
    assert_eq!(default("id"), None);
    assert_eq!(default("price"), Some("0"));
    assert_eq!(default("total"), None, "a generated column has no default");
    assert_eq!(default("at"), Some("now()"));
    assert_eq!(default("state"), Some("'it''s new'::text"));
    let collation = |path| column(t, path).collation.as_deref();
    for (path, expected) in [
        ("plain", None),
        ("raw", Some("C")),
        ("own", Some("shop.german")),
        ("code", Some("C")),
        ("name", None),
        ("raws", Some("C")),
    ] {
        assert_eq!(collation(path), expected, "{path}");
    }
}

#[tokio::test]
async fn a_parent_names_its_heirs_at_any_depth_and_counts_their_rows() {
    let db = warehouse(
        "create table parent (id int, name text);
         create table other (x int);
         create table child (extra int) inherits (parent);
         create table grandchild () inherits (child, other);
         create table parts (id int) partition by list (id);
         create table parts_1 partition of parts for values in (1);
         insert into parent values (1, 'a');
         insert into child values (2, 'b', 3), (4, 'c', 5);
         insert into grandchild values (6, 'd', 7, 8);
         analyze parent, child, grandchild, other",
    )
    .await;
    let tables = tables(&source(&db, "")).await;
    let of = |name: &str| {
        let table = &tables[&format!("public.{name}")];
        (names(&table.inherits), names(&table.inherited_by))
    };
    let none = Vec::<String>::new;
    let (child, grandchild) = ("public.child".to_owned(), "public.grandchild".to_owned());
    assert_eq!(
        of("parent"),
        (none(), vec![child.clone(), grandchild.clone()])
    );
    let parent = "public.parent".to_owned();
    assert_eq!(of("child"), (vec![parent], vec![grandchild]));
    assert_eq!(
        of("grandchild"),
        (vec![child, "public.other".to_owned()], none())
    );
    assert_eq!(of("parts"), (none(), none()), "partitions are no heirs");
    let rows = |name: &str| tables[&format!("public.{name}")].rows;
    assert_eq!((rows("parent"), rows("child")), (Some(4), Some(3)));
}

#[tokio::test]
async fn a_vector_of_the_catalog_is_not_an_array_of_itself() {
    let db = warehouse(
        "create table t (o oidvector, n int2vector, os oidvector[], p point, c \"char\", i int[])",
    )
    .await;
    let tables = tables(&source(&db, "")).await;
    let t = &tables["public.t"];
    for (path, expected) in [
        ("o", ("oidvector", Mode::Nullable)),
        ("n", ("int2vector", Mode::Nullable)),
        ("os", ("oidvector", Mode::Repeated)),
        ("p", ("point", Mode::Nullable)),
        ("c", ("\"char\"", Mode::Nullable)),
        ("i", ("integer", Mode::Repeated)),
    ] {
        assert_eq!(shape(column(t, path)), expected, "{path}");
    }
}
