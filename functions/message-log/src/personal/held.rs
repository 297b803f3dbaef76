//! What the log holds about a subject: before an erasure, and to prove that nothing is left.

use personal::{Counts, Identity, Person, Purpose, Subject, count};
use platform::postgres::types::{ToSql, Type};
use tokio_postgres::{Error, Transaction};

use super::{LETTER_IS_OF_SUBJECT, NAME_IS_OF_PERSON, erase, feedback};

/// The number of rows per table that hold something about the subject.
pub async fn held(db: &Transaction<'_>, subject: &Subject) -> Result<Counts, Error> {
    let mut counts = Counts::new();
    match &subject.identity {
        Identity::Person(person) => held_of_person(db, subject, person, &mut counts).await?,
        Identity::Robeing(robeing_id) => {
            held_of_robeing(db, subject, robeing_id, &mut counts).await?;
        }
    }
    let letters = rows(
        db,
        &format!("select count(*) from conversation.dead_letter where {LETTER_IS_OF_SUBJECT}"),
        &[
            (&subject.robeing(), Type::TEXT),
            (&subject.id_patterns(Purpose::Erase), Type::TEXT_ARRAY),
            (&subject.robeings, Type::TEXT_ARRAY),
            (&subject.person().map(|it| &it.namesakes), Type::UUID_ARRAY),
        ],
    )
    .await?;
    count(&mut counts, "conversation.dead_letter", letters);
    Ok(counts)
}

async fn held_of_person(
    db: &Transaction<'_>,
    subject: &Subject,
    person: &Person,
    counts: &mut Counts,
) -> Result<(), Error> {
    let messages = rows(
        db,
        "select count(*)
         from conversation.log
         where (user_id = any ($1)
                or slack_user_id = any ($2) and (user_id is null or user_id <> all ($3)))
           and ($4::text[] is null or robeing_id = any ($4))",
        &[
            (&person.user_ids, Type::UUID_ARRAY),
            (&person.slack_user_ids, Type::TEXT_ARRAY),
            (&person.namesakes, Type::UUID_ARRAY),
            (&subject.robeings, Type::TEXT_ARRAY),
        ],
    )
    .await?;
    count(counts, "conversation.log", messages);
    let given = feedback::held(db, subject, person).await?;
    count(counts, "conversation.feedback", given);
    // A name belongs to no robeing, so only a caller who sees all robeings may touch it.
    if subject.robeings.is_none() {
        let names = format!(
            "select count(*) from conversation.slack_user
             where {NAME_IS_OF_PERSON} or earlier_user_ids && $1"
        );
        let names = rows(db, &names, &person.names()).await?;
        count(counts, "conversation.slack_user", names);
    }
    Ok(())
}

async fn held_of_robeing(
    db: &Transaction<'_>,
    subject: &Subject,
    robeing_id: &String,
    counts: &mut Counts,
) -> Result<(), Error> {
    let values = [
        (robeing_id as _, Type::TEXT),
        (&subject.robeings as _, Type::TEXT_ARRAY),
    ];
    let messages = rows(
        db,
        "select count(*)
         from conversation.log
         where robeing_id = $1
           and erased_at is null
           and ($2::text[] is null or robeing_id = any ($2))",
        &values,
    )
    .await?;
    count(counts, "conversation.log", messages);
    for table in erase::OF_ROBEINGS {
        let sql = format!(
            "select count(*) from {table}
             where robeing_id = $1 and ($2::text[] is null or robeing_id = any ($2))"
        );
        count(counts, table, rows(db, &sql, &values).await?);
    }
    Ok(())
}

/// The number that a statement counts.
async fn rows(
    db: &Transaction<'_>,
    sql: &str,
    values: &[(&(dyn ToSql + Sync), Type)],
) -> Result<u64, Error> {
    let row = db.query_typed_one(sql, values).await?;
    let count: i64 = row.try_get(0)?;
    Ok(count.unsigned_abs())
}
