//! Every table of the database is in the list of an owner, or declared free of personal data.

use std::collections::{BTreeMap, BTreeSet};

use personal::Table;

use crate::common::start;

/// The tables of every owner, and those of no function.
fn listed() -> Vec<Table> {
    let owned = privacy::owners::all().iter().flat_map(|it| it.tables());
    let listed: Vec<Table> = owned
        .chain(&privacy::owners::WITHOUT_OWNER)
        .copied()
        .collect();
    let names: BTreeSet<&str> = listed.iter().map(|it| it.name).collect();
    assert_eq!(names.len(), listed.len(), "a table has two owners");
    listed
}

/// The columns of every listed table that identify a person or a robeing.
fn identifying() -> Vec<(&'static str, &'static str)> {
    let tables = listed().into_iter();
    let columns = tables.flat_map(|table| {
        let columns = table.columns().iter();
        columns.map(move |column| (table.name, *column))
    });
    // The ids of an unfinished request are in JSON, and its row is the proof of the erasure.
    columns.filter(|(_, column)| *column != "subject").collect()
}

#[tokio::test]
async fn every_table_has_an_owner_that_lists_its_identifying_columns() {
    let it = start().await;
    let client = it.database.client().await;
    let rows = client
        .query_typed(
            "select format('%s.%s', space.nspname, class.relname), attname::text
             from pg_attribute
             join pg_class as class on class.oid = attrelid
             join pg_namespace as space on space.oid = relnamespace
             where relkind in ('r', 'p')
               and not relispartition
               and attnum > 0
               and not attisdropped
               and nspname not in ('pg_catalog', 'information_schema')
               and nspname !~ '^pg_'",
            &[],
        )
        .await
        .expect("the catalog");
    let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in &rows {
        tables.entry(row.get(0)).or_default().insert(row.get(1));
    }
    let listed = listed();
    let names: BTreeSet<&str> = tables.keys().map(String::as_str).collect();
    let claimed: BTreeSet<&str> = listed.iter().map(|it| it.name).collect();
    assert_eq!(names, claimed);
    for table in listed {
        let columns = &tables[table.name];
        let found: BTreeSet<&str> = columns
            .iter()
            .map(String::as_str)
            .filter(|name| identifies(name))
            .collect();
        let known: BTreeSet<&str> = table.columns().iter().copied().collect();
        assert_eq!(found, known, "the columns of {}", table.name);
    }
}

/// Whether the name of a column implies that it identifies a person or a robeing.
fn identifies(column: &str) -> bool {
    const NOUNS: [&str; 12] = [
        "user",
        "person",
        "people",
        "robeing",
        "conversation",
        "member",
        "author",
        "email",
        "phone",
        "subject",
        "slack_user",
        "slack",
    ];
    let mut suffixes = ["_ids", "_id", "_names"].into_iter();
    let stem = suffixes.find_map(|suffix| column.strip_suffix(suffix));
    let last = |it: &str| {
        NOUNS
            .iter()
            .any(|noun| it == *noun || it.ends_with(&format!("_{noun}")))
    };
    last(stem.unwrap_or(column))
}

#[tokio::test]
async fn after_an_erasure_no_table_holds_anything_about_the_subject() {
    use crate::common::{KIM, LEE, said};
    use serde_json::json;

    for (subject, value) in [
        (json!({"user_id": KIM}), KIM),
        (json!({"robeing_id": "r1"}), "r1"),
    ] {
        let it = start().await;
        for (robeing, user) in [("r1", KIM), ("r2", LEE)] {
            for (n, day) in [(0, "2025-08-10"), (1, "now")] {
                let mut message = said(robeing, user, &format!("{robeing} 010-1234-567{n}?"), day);
                message["intent"] = "ask".into();
                it.stored(message).await;
            }
        }
        it.database
            .run(&format!(
                "insert into robeing.settings (id, robeing_id, skill_settings)
                 values (gen_random_uuid(), 'r1', '{{\"a\": 1}}'), (gen_random_uuid(), 'r2', '{{\"a\": 1}}');
                 insert into conversation.slack_user values ('T1', 'U1', '{KIM}'), ('T1', 'U2', '{LEE}');
                 insert into conversation.dead_letter (id, key, source, source_event_id, robeing_id, reason, body)
                 values (gen_random_uuid(), gen_random_uuid(), 'sqs', 'e1', 'r1', 'x', '{{\"user_id\": \"{KIM}\"}}'),
                        (gen_random_uuid(), gen_random_uuid(), 'sqs', 'e2', 'r2', 'x', '{{\"user_id\": \"{LEE}\"}}');
                 insert into conversation.feedback (id, key, message_id, robeing_id, name, source, user_id, given_at)
                 values (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'r1', 'helpful', 'http', '{KIM}', now()),
                        (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'r2', 'helpful', 'http', '{LEE}', now())"
            ))
            .await;
        for (number, user) in [(1, KIM), (2, LEE)] {
            it.database
                .run(&format!(
                    "insert into people.person (id, email, role) values ('{user}', '{user}', 'reader');
                     insert into people.cookie (hash, person_id, expires_at) values (sha256('{number}'), '{user}', now());
                     insert into people.token (id, hash, person_id, cookie_hash, expires_at)
                     values (gen_random_uuid(), sha256('{number}'), '{user}', sha256('{number}'), now())"
                ))
                .await;
        }
        it.roll_up().await;
        it.run().await;
        // Rows that a roll-up would remove.
        it.database
            .run(
                "insert into conversation.edited (id, robeing_id)
                     select id, robeing_id from conversation.log;
                 insert into conversation.search_segment (segment, robeing_id, month, messages, first_id, last_id)
                     select n, 'r' || n, '2025-08-01', 1, gen_random_uuid(), gen_random_uuid()
                     from generate_series(1, 2) as n;
                 insert into robeing.task (id, robeing_id, key, task_type, difficulty, outcome, stat, experience)
                     select gen_random_uuid(), unnest(array['r1', 'r2']), gen_random_uuid(), 'a', 1, 'success', 'memory', 1;
                 insert into robeing.removed (robeing_id, hour, in_threads, direct, in_channels, was_counted)
                     select unnest(array['r1', 'r2']), now(), 1, 0, 0, false;
                 insert into robeing.moved (robeing_id, hour, in_threads, direct, in_channels, row_xid)
                     select unnest(array['r1', 'r2']), now(), 1, 0, -1, '3'",
            )
            .await;
        it.erase(subject).await;
        // Erased rows and dead letters stay, for deduplication.
        for (table, column) in identifying() {
            let erased = match table {
                "conversation.log" | "conversation.dead_letter" => "and erased_at is null",
                // The row stays with its revisions, without any setting.
                "robeing.settings" => {
                    "and (user_preference, system_settings, skill_settings) <> ('{}', '{}', '{}')"
                }
                _ => "",
            };
            let left =
                format!("select count(*) from {table} where {column}::text = '{value}' {erased}");
            assert_eq!(it.count(&left).await, 0, "{table}.{column} of {value}");
            let others = format!("select count(*) from {table}");
            assert!(
                it.count(&others).await > 0,
                "{table} holds rows about others"
            );
        }
    }
}
