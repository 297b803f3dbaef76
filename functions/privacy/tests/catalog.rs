//! Nobody's data can be forgotten: a table with a person's column is in the list of an owner.

use std::collections::BTreeSet;

use crate::common::start;

/// The lists of all owners. A new domain adds its own, or this test says which columns it left out.
fn listed() -> BTreeSet<(String, String)> {
    let columns = privacy::owners::columns();
    columns
        .map(|(table, column)| (table.to_owned(), column.to_owned()))
        .collect()
}

#[tokio::test]
async fn r17_every_column_that_says_whose_a_row_is_has_an_owner_who_erases_it() {
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
               and nspname !~ '^pg_'
               and attname ~ '(^|_)(user|person|people|robeing|conversation|member|author|owner|email|phone)(_id|_ids)?$'",
            &[],
        )
        .await
        .expect("the catalog");
    let mut found: BTreeSet<(String, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    // A digest, and it goes with its row.
    found.remove(&("privacy.person_key".to_owned(), "owner".to_owned()));
    assert_eq!(found, listed());
}

#[tokio::test]
async fn r17_what_is_listed_is_empty_of_a_person_and_a_robeing_after_they_are_erased() {
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
                        (gen_random_uuid(), gen_random_uuid(), 'sqs', 'e2', 'r2', 'x', '{{\"user_id\": \"{LEE}\"}}')"
            ))
            .await;
        it.roll_up().await;
        it.run().await;
        // Which the roll-ups would take.
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
                     select unnest(array['r1', 'r2']), now(), 1, 0, 0, false",
            )
            .await;
        it.erase(subject).await;
        // What is left of the log and of dead letters are keys that keep repeats out.
        for (table, column) in listed() {
            let erased = match table.as_str() {
                "conversation.log" | "conversation.dead_letter" => "and erased_at is null",
                // The row stays with its revisions, and nothing is set in it.
                "robeing.settings" => {
                    "and (user_preference, system_settings, skill_settings) <> ('{}', '{}', '{}')"
                }
                _ => "",
            };
            let left =
                format!("select count(*) from {table} where {column}::text = '{value}' {erased}");
            assert_eq!(it.count(&left).await, 0, "{table}.{column} of {value}");
            let others = format!("select count(*) from {table}");
            assert!(it.count(&others).await > 0, "{table} has others'");
        }
    }
}
