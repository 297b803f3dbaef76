//! Exports that are removed: because their time is over, or because somebody is erased who may be in
//! them.

use std::collections::BTreeSet;
use std::slice;

use jiff::{SignedDuration, Timestamp};
use personal::{Identity, Subject};
use platform::Result;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use robeing::ROBEINGS;
use uuid::Uuid;

use super::FOLDER;
use crate::Privacy;
use crate::run::Failures;
use crate::subject::stored;

/// Removes those exports that hold, or may hold, something of a subject that is being erased.
pub async fn forget(privacy: &Privacy, subject: &Subject) -> Result<()> {
    let client = privacy.pool.get().await?;
    let rows = db::query(
        &client,
        &Scope::all(ROBEINGS),
        "select id, subject from privacy.export",
        &[],
    )
    .await?;
    drop(client);
    for row in rows {
        let other = stored(row.try_get("subject")?)?;
        if may_overlap(subject, &other) {
            remove(privacy, row.try_get("id")?).await?;
        }
    }
    Ok(())
}

/// Whether something about one subject may also be about the other. An export that is removed without need
/// and made again costs less than a copy that stays.
pub fn may_overlap(one: &Subject, other: &Subject) -> bool {
    if let (Some(some), Some(others)) = (reach(one), reach(other))
        && !some.iter().any(|robeing| others.contains(robeing))
    {
        return false;
    }
    match (&one.identity, &other.identity) {
        (Identity::Person(one), Identity::Person(other)) => {
            one.user_ids.iter().any(|id| other.user_ids.contains(id))
                || one
                    .slack_user_ids
                    .iter()
                    .any(|id| other.slack_user_ids.contains(id))
        }
        (Identity::Robeing(one), Identity::Robeing(other)) => one == other,
        _ => true,
    }
}

/// The robeings that rows about the subject can belong to; none for all.
fn reach(subject: &Subject) -> Option<&[String]> {
    match &subject.identity {
        Identity::Robeing(robeing_id) => Some(slice::from_ref(robeing_id)),
        Identity::Person(_) => subject.robeings.as_deref(),
    }
}

/// First the files, so that what is left of them is known until it is gone.
async fn remove(privacy: &Privacy, id: Uuid) -> Result<()> {
    for object in privacy.store.list(&format!("{FOLDER}/{id}/")).await? {
        privacy.store.delete(&object).await?;
    }
    let client = privacy.pool.get().await?;
    db::query(
        &client,
        &Scope::all(ROBEINGS),
        "delete from privacy.export where id = $1",
        &[(&id, Type::UUID)],
    )
    .await?;
    Ok(())
}

/// Removes what has had its time, and files of exports that are gone: how many exports.
pub async fn expire(privacy: &Privacy, failures: &mut Failures) -> u64 {
    let mut kept: BTreeSet<String> = BTreeSet::new();
    let mut removed = 0;
    let Some(all) = failures.note("looking for exports", all(privacy).await) else {
        return removed;
    };
    for (id, is_over) in all {
        let gone = match is_over {
            true => failures.note(&format!("removing export {id}"), remove(privacy, id).await),
            false => None,
        };
        match gone {
            Some(()) => removed += 1,
            None => {
                kept.insert(id.to_string());
            }
        }
    }
    failures.note("removing files", remove_files(privacy, &kept).await);
    removed
}

/// Each export, and whether its time is over.
async fn all(privacy: &Privacy) -> Result<Vec<(Uuid, bool)>> {
    let client = privacy.pool.get().await?;
    let rows = db::query(
        &client,
        &Scope::all(ROBEINGS),
        "select id, expires_at <= now() as is_over from privacy.export",
        &[],
    )
    .await?;
    let all = rows
        .iter()
        .map(|row| Ok((row.try_get("id")?, row.try_get("is_over")?)));
    Ok(all.collect::<Result<_, tokio_postgres::Error>>()?)
}

/// Those of exports that are not among `kept`.
async fn remove_files(privacy: &Privacy, kept: &BTreeSet<String>) -> Result<()> {
    for object in privacy.store.list(&format!("{FOLDER}/")).await? {
        let export = object.split('/').nth(1).unwrap_or_default();
        if !kept.contains(export) && is_old(export) {
            privacy.store.delete(&object).await?;
        }
    }
    Ok(())
}

/// An export that was begun while this looked is none that is gone.
fn is_old(export: &str) -> bool {
    let made = Uuid::try_parse(export).ok();
    let made = made.and_then(message_log::identity::time_of);
    made.is_none_or(|made| Timestamp::now().duration_since(made) > SignedDuration::from_hours(1))
}
