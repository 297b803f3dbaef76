//! What the role may not read is named nowhere.

use super::*;

/// Everything that could name the column `hidden`, the table `vault` and the schema `closed`, next to what
/// the role may read.
fn half_open() -> String {
    format!(
        r#"
create schema shop; create schema closed;
grant usage on schema shop to {UNPRIVILEGED};
create type closed.mood as enum ('sad', 'happy');
create type closed.place as (street text, code int);
create type closed.span as range (subtype = int4);
create domain closed.mail as text check (value <> '');
comment on domain closed.mail is 'An address';
create function closed.bucket(int) returns int immutable language sql as 'select $1 % 10';
create table closed.people (id int primary key);

create table shop.vault (id int primary key, code text);
comment on table shop.vault is 'Codes';
create table shop.half (
  id int, hidden text, region text, primary key (id, hidden), unique (region, hidden));
grant select (id, region) on shop.half to {UNPRIVILEGED};
comment on column shop.half.hidden is 'Behind the door';
comment on column shop.half.id is 'Not the hidden one';
comment on column shop.half.region is 'Where';

create table shop.open (
  id int primary key,
  half_id int,
  half_hidden text,
  vault_id int references shop.vault,
  person_id int references closed.people,
  self_id int references shop.open,
  mood closed.mood,
  moods closed.mood[],
  place closed.place,
  span closed.span,
  mail closed.mail,
  safe shop.vault,
  piece shop.half,
  number int default closed.bucket(7),
  foreign key (half_id, half_hidden) references shop.half (id, hidden));
grant select on shop.open to {UNPRIVILEGED};
comment on table shop.open is 'Joins the Vault by vault_id';
comment on column shop.open.half_id is 'See half.hidden';
comment on column shop.open.person_id is 'Who; vaulted';

create table shop.by_hidden (id int, hidden int) partition by range (hidden);
create table shop.by_part_hidden (id int, hidden int) partition by hash (id, (hidden + 1));
create table shop.by_function (id int) partition by range ((closed.bucket(id)));
create table shop.by_id (id int, hidden int) partition by range (id);
grant select (id) on shop.by_hidden, shop.by_part_hidden, shop.by_id to {UNPRIVILEGED};
grant select on shop.by_function to {UNPRIVILEGED};

create table shop.child (more int) inherits (shop.vault);
create table closed.grandchild () inherits (shop.child);
create table shop.great_grandchild () inherits (closed.grandchild);
grant select on shop.child, shop.great_grandchild to {UNPRIVILEGED};
create view shop.mine with (security_invoker) as select code from shop.vault;
grant select on shop.mine to {UNPRIVILEGED};
"#
    )
}

async fn by_name(db: &Database) -> (BTreeMap<String, Table>, Reading) {
    let reading = read(&as_stranger(db)).await;
    let tables = reading.tables.iter();
    let tables = tables.map(|table| (table.own_name().to_owned(), table.clone()));
    (tables.collect(), reading)
}

#[tokio::test]
async fn no_fact_of_a_readable_table_names_what_the_role_may_not_read() {
    let db = warehouse(&half_open()).await;
    let (tables, _) = by_name(&db).await;
    for (name, table) in &tables {
        let json = serde_json::to_string(table).unwrap();
        let mut text = json.replace("half_hidden", "");
        for visible in ["by_hidden", "by_part_hidden", "vault_id", "vaulted"] {
            text = text.replace(visible, "");
        }
        for hidden in ["hidden", "ault", "closed", "people", "place\""] {
            let names_it = text.replace("\"name\":\"place\"", "").contains(hidden);
            assert!(!names_it, "{name} names {hidden}: {json}");
        }
    }
}

#[tokio::test]
async fn a_key_with_an_unreadable_column_on_either_side_is_omitted_and_others_are_kept() {
    let db = warehouse(&half_open()).await;
    let (tables, _) = by_name(&db).await;
    assert_eq!(tables["half"].primary_key, [""; 0]);
    let open = &tables["open"];
    assert_eq!(open.primary_key, ["id"]);
    let keys = open.foreign_keys.iter().map(|key| &key.columns[..]);
    assert_eq!(keys.collect::<Vec<_>>(), [["self_id".to_owned()]]);

    let owner = read(&source(&db, "schemas=shop")).await.tables;
    let open = owner.iter().find(|table| table.own_name() == "open");
    assert_eq!(open.unwrap().foreign_keys.len(), 4, "the owner sees all");
}

#[tokio::test]
async fn a_partition_key_with_an_unreadable_column_or_function_is_omitted() {
    let db = warehouse(&half_open()).await;
    let (tables, _) = by_name(&db).await;
    for name in ["by_hidden", "by_part_hidden", "by_function"] {
        assert_eq!(tables[name].partitioning, None, "{name}");
    }
    let partitioning = tables["by_id"].partitioning.as_ref().unwrap();
    assert_eq!(partitioning.column, "id");
}

#[tokio::test]
async fn a_type_that_the_role_may_not_name_has_a_stand_in_and_keeps_its_labels() {
    let db = warehouse(&half_open()).await;
    let (tables, _) = by_name(&db).await;
    let open = &tables["open"];
    for (path, expected) in [
        ("mood", ("enum", Mode::Nullable)),
        ("moods", ("enum", Mode::Repeated)),
        ("place", ("record", Mode::Nullable)),
        ("span", ("USER-DEFINED", Mode::Nullable)),
        ("mail", ("text", Mode::Nullable)),
        ("safe", ("record", Mode::Nullable)),
        ("piece", ("shop.half", Mode::Nullable)),
    ] {
        assert_eq!(shape(column(open, path)), expected, "{path}");
    }
    assert_eq!(column(open, "mood").enum_labels, ["sad", "happy"]);
    assert!(column(open, "place").cut && column(open, "place").fields.is_empty());
    assert_eq!(column(open, "mail").description, None);
    assert_eq!(column(open, "piece.id").description, None);
    let fields = column(open, "piece").fields.iter();
    let fields: Vec<&str> = fields.map(|field| field.name.as_str()).collect();
    assert_eq!(fields, ["id", "region"]);
}

#[tokio::test]
async fn a_comment_that_mentions_a_hidden_name_is_omitted_and_counted() {
    let db = warehouse(&half_open()).await;
    let (tables, reading) = by_name(&db).await;
    let said = |table: &str, path| column(&tables[table], path).description.clone();
    assert_eq!(said("half", "id"), None);
    assert_eq!(said("half", "region").as_deref(), Some("Where"));
    assert_eq!(tables["open"].description, None);
    assert_eq!(said("open", "half_id"), None);
    assert_eq!(said("open", "person_id").as_deref(), Some("Who; vaulted"));
    assert_eq!(column(&tables["open"], "number").default, None);
    let problems = reading.problems.iter();
    let told: Vec<&str> = problems
        .filter(|problem| problem.detail.contains("comments"))
        .map(|problem| problem.detail.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "comments on tables and columns are omitted (3), because they mention a name that \
          metasync_unprivileged may not read: grant select on what they mention to \
          metasync_unprivileged, or reword them"
        ]
    );
}

#[tokio::test]
async fn only_readable_relatives_of_a_table_are_named() {
    let db = warehouse(&half_open()).await;
    let (tables, _) = by_name(&db).await;
    let child = &tables["child"];
    assert_eq!(child.inherits, []);
    let heirs = child.inherited_by.iter().map(|name| name.table.as_str());
    assert_eq!(heirs.collect::<Vec<_>>(), ["great_grandchild"]);
    assert_eq!(tables["great_grandchild"].inherits, []);
}

#[tokio::test]
async fn a_refused_plan_names_nothing_that_the_role_may_not_read() {
    let db = warehouse(&half_open()).await;
    let source = as_stranger(&db);
    for (sql, expected) in [
        (
            "select hiden from shop.half",
            "column \"hiden\" does not exist at line 1, column 8",
        ),
        (
            "select regio from shop.half",
            "column \"regio\" does not exist at line 1, column 8 \
             (Perhaps you meant to reference the column \"half.region\".)",
        ),
        (
            "select * from shop.mine",
            "permission denied: it reads a table, column or schema that the role of WAREHOUSE_URL may \
             not read",
        ),
    ] {
        let plan = source.plan(sql, &Usage::default()).await.unwrap();
        let Plan::Rejected(text) = plan else {
            panic!("{sql}: {plan:?}");
        };
        assert_eq!(text.message, expected, "{sql}");
    }
    let sql = "select mood, moods, place, span, safe, id from shop.open";
    let plan = source.plan(sql, &Usage::default()).await.unwrap();
    let Plan::Accepted(Planned { verified, .. }) = plan else {
        panic!("{plan:?}");
    };
    let types = verified.columns.iter().map(|it| it.data_type.as_str());
    assert_eq!(
        types.collect::<Vec<_>>(),
        [
            "enum",
            "enum",
            "record",
            "USER-DEFINED",
            "record",
            "integer"
        ]
    );
}

#[tokio::test]
async fn a_result_has_no_column_that_the_role_may_not_read() {
    let db = warehouse(&half_open()).await;
    let source = as_stranger(&db);
    for sql in [
        // A row type needs no permission to read its table.
        "select (null::shop.half).*",
        "select (null::shop.vault).* from shop.open",
        "select * from jsonb_populate_record(null::shop.half, '{}')",
        "select x.* from (select (null::shop.half).*) as x",
        "select * from coalesce(null::shop.vault)",
        "select ((array[null::shop.vault])[1]).*",
        // The type of a column.
        "select (piece).* from shop.open",
        "select (safe).* from shop.open",
        "select (place).* from shop.open",
        "select (o.p).* from (select piece as p from shop.open) as o",
        "select (x).* from unnest((select array_agg(safe) from shop.open)) as x",
    ] {
        let plan = source.plan(sql, &Usage::default()).await.unwrap();
        let Plan::Rejected(text) = plan else {
            panic!("{sql}: {plan:?}");
        };
        let text = text.message;
        assert!(text.starts_with("its result has columns"), "{sql}: {text}");
        assert!(!text.contains("hidden") && !text.contains("code"), "{text}");
    }
    for sql in [
        "select (piece).id, (piece).region from shop.open",
        "select * from shop.great_grandchild",
        "select id, region from shop.half union all select id, 'code' as code from shop.open",
        "select count(*), max(id), 'x' as hidden from shop.half",
        "select * from json_to_record('{}') as x (id int, code text)",
    ] {
        let plan = source.plan(sql, &Usage::default()).await.unwrap();
        assert!(matches!(plan, Plan::Accepted(_)), "{sql}: {plan:?}");
    }
}

#[tokio::test]
async fn a_refused_plan_names_no_type_server_or_function_that_the_role_may_not_see() {
    let db = warehouse(&half_open()).await;
    let source = as_stranger(&db);
    for (sql, expected) in [
        (
            "select id from shop.open where mood = 'x'",
            "the warehouse rejects the query: a value is not valid for its type at line 1, column 39",
        ),
        (
            "select id\nfrom shop.open where mood = 1",
            "the warehouse rejects the query: no function or operator takes values of these types: cast them \
             at line 2, column 27",
        ),
        (
            "select id from shop.open where safe = 1",
            "the warehouse rejects the query: no function or operator takes values of these types: cast them \
             at line 1, column 37",
        ),
    ] {
        let plan = source.plan(sql, &Usage::default()).await.unwrap();
        let Plan::Rejected(rejection) = plan else {
            panic!("{sql}: {plan:?}");
        };
        assert_eq!(rejection.message, expected, "{sql}");
        assert_eq!(rejection.outline, expected, "{sql}");
    }
}

#[tokio::test]
async fn a_comment_that_names_a_type_function_or_collation_of_a_closed_schema_is_omitted() {
    let db = warehouse(&half_open()).await;
    db.run(
        "create collation closed.zzorder from \"C\";
         comment on table shop.child is 'Sorted by zzorder';
         comment on column shop.child.more is 'In the bucket of the row';
         comment on column shop.open.mail is 'Like a span of days';
         comment on column shop.open.number is 'A count';",
    )
    .await;
    let (tables, _) = by_name(&db).await;
    assert_eq!(tables["child"].description, None, "a collation");
    let said = |table: &str, path| column(&tables[table], path).description.clone();
    assert_eq!(said("child", "more"), None, "a function");
    // A readable column has the name of the type.
    assert_eq!(said("open", "mail").as_deref(), Some("Like a span of days"));
    assert_eq!(said("open", "number").as_deref(), Some("A count"));
}

#[tokio::test]
async fn a_readable_partition_of_an_unreadable_table_is_a_table_of_its_own() {
    let db = warehouse(&format!(
        "create schema shop; create schema closed; create schema other;
         grant usage on schema shop, other to {UNPRIVILEGED};
         create table shop.log (id int, day int) partition by range (day);
         create table shop.log_1 partition of shop.log for values from (1) to (9) partition by list (id);
         create table shop.log_1_a partition of shop.log_1 for values in (1);
         create table shop.log_2 partition of shop.log for values from (10) to (19);
         grant select on shop.log_1, shop.log_1_a to {UNPRIVILEGED};
         create table closed.all (id int) partition by list (id);
         create table shop.part partition of closed.all for values in (1);
         grant select on shop.part to {UNPRIVILEGED};
         create table other.open (id int) partition by list (id);
         create table shop.of_other partition of other.open for values in (1);
         grant select on other.open, shop.of_other to {UNPRIVILEGED};"
    ))
    .await;
    let (tables, reading) = by_name(&db).await;
    let names: Vec<&str> = tables.keys().map(String::as_str).collect();
    assert_eq!(names, ["log_1", "open", "part"]);
    let problems = reading.problems.iter().map(|it| it.subject.as_str());
    let unread: Vec<&str> = problems.filter(|it| it.ends_with("shop.log")).collect();
    assert_eq!(unread.len(), 1, "{:?}", reading.problems);

    let sql = "select id from shop.log_1 where day > 2";
    let source = as_stranger(&db);
    let plan = source.plan(sql, &Usage::default()).await.unwrap();
    assert!(matches!(plan, Plan::Accepted(_)), "{plan:?}");
    // What only the schemas of the URL have is not read either.
    let url = db.unprivileged_url();
    let separator = if url.contains('?') { '&' } else { '?' };
    let source = Postgres::open(&format!("{url}{separator}schemas=shop"), &Env::default()).unwrap();
    let mut names: Vec<String> = read(&source)
        .await
        .tables
        .iter()
        .map(|table| table.own_name().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["log_1", "of_other", "part"]);
}

#[tokio::test]
async fn the_query_of_a_view_is_omitted_if_the_role_may_not_read_each_table_or_name_in_it() {
    let db = warehouse(&format!(
        "{}
         create table shop.plain (id int, code text);
         create view shop.of_plain as select id from shop.plain;
         create view shop.of_vault as select id from shop.vault;
         create view shop.of_half as select id from shop.half;
         create view shop.of_closed as select id from closed.people;
         create view shop.of_function as select closed.bucket(id) as id from shop.plain;
         create view shop.of_literal as select id from shop.plain where code = 'vault';
         grant select on shop.plain, shop.of_plain, shop.of_vault, shop.of_half, shop.of_closed,
           shop.of_function, shop.of_literal to {UNPRIVILEGED};",
        half_open()
    ))
    .await;
    let (tables, _) = by_name(&db).await;
    let views = tables.values().filter(|it| it.kind == TableKind::View);
    let with_query = |table: &&Table| table.definition.is_some();
    let shown = views.clone().filter(with_query).map(Table::own_name);
    assert_eq!(shown.collect::<Vec<_>>(), ["of_plain"]);
    assert_eq!(views.count(), 7);
}

#[tokio::test]
async fn a_default_names_the_sequence_of_a_readable_column_and_no_other() {
    let db = warehouse(&format!(
        r#"
create schema shop;
grant usage on schema shop to {UNPRIVILEGED};
create sequence shop.badge;
create table shop.staff (
  id serial primary key,
  number int default nextval('shop.badge'),
  secret serial,
  copied int default nextval('shop.staff_secret_seq'),
  later int generated by default as identity);
comment on column shop.staff.number is 'From badge';
grant select (id, number, copied, later) on shop.staff to {UNPRIVILEGED};
"#
    ))
    .await;
    let defaults = async || {
        let (tables, _) = by_name(&db).await;
        let columns = tables["staff"].columns.iter();
        let shown =
            columns.map(|it| format!("{}: {}", it.name, it.default.as_deref().unwrap_or("-")));
        shown.collect::<Vec<_>>()
    };
    let own = "id: nextval('shop.staff_id_seq'::regclass)";
    assert_eq!(
        defaults().await,
        [own, "number: -", "copied: -", "later: -"]
    );
    let grant = format!("grant usage on all sequences in schema shop to {UNPRIVILEGED}");
    db.run(&grant).await;
    let badge = "number: nextval('shop.badge'::regclass)";
    let copied = "copied: nextval('shop.staff_secret_seq'::regclass)";
    assert_eq!(defaults().await, [own, badge, copied, "later: -"]);
}
