//! What the chain doesn't show although each of its entries is there: the end, and entries beside it.

use platform::Result;
use platform::postgres::Client;

use super::chain::{Digest, START};
use super::empty::IS_RECORDED;
use super::verify::{Fault, FaultKind};

/// What is wrong although each link has its entry: `digest` is the one of the link at `end`.
pub(super) async fn fault_of_the_whole(
    client: &Client,
    digest: Digest,
    end: i64,
) -> Result<Option<Fault>> {
    // One statement sees one moment: rows move from one table to another.
    let sql = format!(
        "select head.seq, head.digest,
            (select digest from people.audit_link where seq = head.seq),
            (select max(seq) from people.audit_link),
            (select count(*) from people.audit),
            (select count(*) from people.audit_pending),
            {IS_RECORDED},
            (select min(seq) from people.audit_link)
             from people.audit_head as head"
    );
    let row = client.query_typed_opt(&sql, &[]).await?;
    let Some(row) = row else {
        return Ok(Some(FaultKind::Removed.at(
            end,
            None,
            "the end of the chain is not known: people.audit_head has no row",
        )));
    };
    let (seq, recorded): (i64, &[u8]) = (row.try_get(0)?, row.try_get(1)?);
    let link: Option<&[u8]> = row.try_get(2)?;
    let last: Option<i64> = row.try_get(3)?;
    let (entries, pending): (i64, i64) = (row.try_get(4)?, row.try_get(5)?);
    let expected = link.unwrap_or(&START);
    if recorded != expected || (seq == end && recorded != digest) {
        return Ok(Some(FaultKind::Changed.at(
            seq,
            None,
            "the end of the chain is not its last entry",
        )));
    }
    if last.unwrap_or_default() > seq {
        return Ok(Some(FaultKind::Inserted.at(
            seq + 1,
            None,
            "the chain continues after its end",
        )));
    }
    let first: Option<i64> = row.try_get(7)?;
    if let Some(first) = first.filter(|first| *first < 1) {
        let detail = "the chain begins before its first entry";
        return Ok(Some(FaultKind::Inserted.at(first, None, detail)));
    }
    let are_recorded: bool = row.try_get(6)?;
    // A missing one would hide one too many in the numbers.
    if let Some(fault) = fault_of_pending(client).await? {
        return Ok(Some(fault));
    }
    if entries != seq + pending
        && let Some(fault) = fault_beside_the_chain(client).await?
    {
        return Ok(Some(fault));
    }
    Ok((!are_recorded).then(|| Fault {
        kind: FaultKind::Changed,
        seq: None,
        entry: None,
        detail: "the number of entries without an actor is not the number that was recorded"
            .to_owned(),
    }))
}

/// An entry that waits for the sweep without being there, or although it is in the chain.
async fn fault_of_pending(client: &Client) -> Result<Option<Fault>> {
    let row = client
        .query_typed_opt(
            "select pending.audit_id, link.audit_id is not null
             from people.audit_pending as pending
             left join people.audit on id = pending.audit_id
             left join people.audit_link as link on link.audit_id = pending.audit_id
             where id is null or link.audit_id is not null
             limit 1",
            &[],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let entry = row.try_get(0)?;
    Ok(Some(match row.try_get(1)? {
        true => FaultKind::Inserted.beside(
            entry,
            "the entry is in the chain, and waits for a sweep as well",
        ),
        false => FaultKind::Removed.beside(
            entry,
            "the entry was removed before a sweep added it to the chain",
        ),
    }))
}

/// An entry that is neither in the chain nor waits for the sweep.
async fn fault_beside_the_chain(client: &Client) -> Result<Option<Fault>> {
    let row = client
        .query_typed_opt(
            "select id from people.audit
             where not exists (select from people.audit_link where audit_id = id)
               and not exists (select from people.audit_pending where audit_id = id)
             limit 1",
            &[],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(FaultKind::Inserted.beside(
        row.try_get(0)?,
        "the entry is not in the chain, and waits for no sweep",
    )))
}
