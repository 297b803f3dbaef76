//! What there is of somebody: before they are erased, and to prove that nothing is left.

use platform::Result;
use platform::postgres::Client;
use platform::postgres::scoped as db;
use platform::postgres::types::Type;
use tokio_postgres::Row;

use super::{Counts, LETTER_IS_THEIRS, NAME_IS_THEIRS, Person, Subject, Whose, erase};

/// How many rows hold something of theirs, table by table; those with none are not listed.
pub async fn held(client: &Client, whose: &Whose) -> Result<Counts> {
    let scope = whose.scope();
    let mut counts = Counts::new();
    let robeing_id = match &whose.subject {
        Subject::Person(person) => {
            held_of_person(client, whose, person, &mut counts).await?;
            None
        }
        Subject::Robeing(robeing_id) => {
            held_of_robeing(client, whose, robeing_id, &mut counts).await?;
            Some(robeing_id)
        }
    };
    let letters = db::query(
        client,
        &scope,
        &format!("select count(*) from conversation.dead_letter where {LETTER_IS_THEIRS}"),
        &[
            (&robeing_id, Type::TEXT),
            (&whose.quoted(), Type::TEXT_ARRAY),
            (&whose.robeings, Type::TEXT_ARRAY),
        ],
    )
    .await?;
    add(&mut counts, "conversation.dead_letter", &letters)?;
    Ok(counts)
}

/// What was made of messages and outlived them: in the scope of an erasure there must be none of it.
/// Which person's it was can't be told any more, since the messages are empty.
pub async fn outlived(client: &Client, whose: &Whose) -> Result<Counts> {
    let mut counts = Counts::new();
    for (table, made_of) in [
        ("conversation.counted", "made.id = log.id"),
        ("conversation.search_tail", "made.id = log.id"),
        (
            "conversation.dead_letter",
            "made.message_id = log.id and made.erased_at is null",
        ),
    ] {
        let sql = format!(
            "select count(*)
             from conversation.log
             join {table} as made on {made_of} and made.robeing_id = log.robeing_id
             where log.erased_at is not null
               and ($1::text[] is null or log.robeing_id = any ($1))"
        );
        let values = [(&whose.robeings as _, Type::TEXT_ARRAY)];
        let rows = db::query(client, &whose.scope(), &sql, &values).await?;
        add(&mut counts, table, &rows)?;
    }
    Ok(counts)
}

async fn held_of_person(
    client: &Client,
    whose: &Whose,
    person: &Person,
    counts: &mut Counts,
) -> Result<()> {
    let scope = whose.scope();
    let rows = db::query(
        client,
        &scope,
        "select count(*)
         from conversation.log
         where (user_id = any ($1)
                or slack_user_id = any ($2) and (user_id is null or user_id <> all ($3)))
           and ($4::text[] is null or robeing_id = any ($4))",
        &[
            (&person.user_ids, Type::UUID_ARRAY),
            (&person.slack_user_ids, Type::TEXT_ARRAY),
            (&person.others, Type::UUID_ARRAY),
            (&whose.robeings, Type::TEXT_ARRAY),
        ],
    )
    .await?;
    add(counts, "conversation.log", &rows)?;
    // Which belongs to no robeing, so only who sees all may touch it.
    if whose.robeings.is_none() {
        let names = db::query(
            client,
            &scope,
            &format!("select count(*) from conversation.slack_user where {NAME_IS_THEIRS}"),
            &person.ids(),
        )
        .await?;
        add(counts, "conversation.slack_user", &names)?;
    }
    Ok(())
}

async fn held_of_robeing(
    client: &Client,
    whose: &Whose,
    robeing_id: &String,
    counts: &mut Counts,
) -> Result<()> {
    let scope = whose.scope();
    let values = [
        (robeing_id as _, Type::TEXT),
        (&whose.robeings as _, Type::TEXT_ARRAY),
    ];
    let rows = db::query(
        client,
        &scope,
        "select count(*)
         from conversation.log
         where robeing_id = $1
           and erased_at is null
           and ($2::text[] is null or robeing_id = any ($2))",
        &values,
    )
    .await?;
    add(counts, "conversation.log", &rows)?;
    for table in erase::OF_A_ROBEING {
        let sql = format!(
            "select count(*) from {table}
             where robeing_id = $1 and ($2::text[] is null or robeing_id = any ($2))"
        );
        let rows = db::query(client, &scope, &sql, &values).await?;
        add(counts, table, &rows)?;
    }
    Ok(())
}

fn add(counts: &mut Counts, table: &str, rows: &[Row]) -> Result<()> {
    if let Some(row) = rows.first() {
        let count: i64 = row.try_get(0)?;
        if count > 0 {
            *counts.entry(table.to_owned()).or_default() += count.unsigned_abs();
        }
    }
    Ok(())
}
