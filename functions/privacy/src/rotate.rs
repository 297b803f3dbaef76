//! Key rotation: what older keys of `PRIVACY_KEY` wrapped and signed is wrapped and signed again with the first one, so
//! that they can be removed.
//!
//! Every step may run twice and may stop halfway: the next run continues with what is left.

use std::collections::BTreeMap;
use std::time::Instant;

use platform::Result;
use platform::postgres::scoped::{self as db, Scope};
use platform::postgres::types::Type;
use robeing::ROBEINGS;
use serde::Serialize;
use utoipa::ToSchema;

use crate::keys::MasterKeys;
pub use crate::receipt::Fault;
use crate::{Privacy, receipt};

/// How many keys a statement wraps again.
const BATCH: i64 = 500;

/// What a run changed while `PRIVACY_KEY` has several keys.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = KeyRotation)]
pub struct Rotation {
    /// The number of keys of the archive that were wrapped with the first key.
    pub archive_keys: u64,
    /// The number of receipts that were signed with the first key.
    pub receipts: u64,
    /// The positions in `PRIVACY_KEY`, from 2, of the keys that no key of the archive and no receipt needs. An old
    /// key among them can be removed.
    pub unused_keys: Vec<usize>,
}

/// What a key of `PRIVACY_KEY` is needed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The number of keys of the archive that it wrapped.
    pub archive_keys: u64,
    /// The number of receipts that it signed.
    pub receipts: u64,
}

impl Usage {
    pub fn is_unused(self) -> bool {
        self == Self::default()
    }
}

/// What the keys of `PRIVACY_KEY` are needed for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Usages {
    /// In the order of `PRIVACY_KEY`.
    pub keys: Vec<Usage>,
    /// The number of keys of the archive that a key wrapped that is not in `PRIVACY_KEY`.
    pub locked: u64,
    /// Why the chain of receipts is broken. Receipts behind it are not counted.
    pub fault: Option<Fault>,
}

impl Usages {
    /// The positions, from 2, of the keys that nothing needs. None if the chain of receipts is broken.
    pub fn unused(&self) -> Vec<usize> {
        if self.fault.is_some() {
            return Vec::new();
        }
        let others = self.keys.iter().enumerate().skip(1);
        let unused = others.filter(|(_, usage)| usage.is_unused());
        unused.map(|(position, _)| position + 1).collect()
    }
}

/// Wraps and signs again, until `until`. Nothing if `PRIVACY_KEY` has one key.
pub async fn run(privacy: &Privacy, until: Instant) -> Result<Option<Rotation>> {
    let master = privacy.master();
    if master.count() == 1 {
        return Ok(None);
    }
    let wrapped = wrap_again(privacy, &master, until).await;
    // A damaged key of the archive stays damaged. The receipts don't wait for it.
    let client = privacy.pool.get().await?;
    let signed = receipt::sign_again(&client, &master, until).await;
    drop(client);
    let (archive_keys, receipts) = (wrapped?, signed?);
    let unused_keys = usages(privacy).await?.unused();
    if archive_keys + receipts > 0 {
        tracing::info!(
            archive_keys,
            receipts,
            "wrapped keys of the archive and signed receipts with the first key of PRIVACY_KEY"
        );
    }
    for position in &unused_keys {
        tracing::info!(
            position,
            "nothing needs key {position} of PRIVACY_KEY: remove it if it is an old one"
        );
    }
    Ok(Some(Rotation {
        archive_keys,
        receipts,
        unused_keys,
    }))
}

/// Wraps the keys of the archive with the first master key. Those of unknown master keys stay as they are.
async fn wrap_again(privacy: &Privacy, master: &MasterKeys, until: Instant) -> Result<u64> {
    let older = master.fingerprints().split_off(1);
    let (mut after, mut count) = (0_i64, 0);
    let mut damaged = None;
    while Instant::now() < until {
        let client = privacy.pool.get().await?;
        let rows = db::query(
            &client,
            &Scope::all(ROBEINGS),
            "select id, wrapped
             from privacy.person_key
             where id > $1 and substring(wrapped for 4) = any ($2)
             order by id
             limit $3",
            &[
                (&after, Type::INT8),
                (&older, Type::BYTEA_ARRAY),
                (&BATCH, Type::INT8),
            ],
        )
        .await?;
        let (mut ids, mut known, mut new) = (Vec::new(), Vec::new(), Vec::new());
        for row in &rows {
            let (id, wrapped): (i64, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
            after = id;
            match master.wrap_again(&wrapped) {
                Ok(again) => {
                    ids.push(id);
                    known.push(wrapped);
                    new.push(again);
                }
                Err(error) => {
                    damaged.get_or_insert(error.context(format!("the key {id} of the archive")));
                }
            }
        }
        // An erasure may have deleted a key meanwhile.
        let wrapped = db::query(
            &client,
            &Scope::all(ROBEINGS),
            "update privacy.person_key as key
             set wrapped = again.new
             from unnest($1::int8[], $2::bytea[], $3::bytea[]) as again (id, known, new)
             where key.id = again.id and key.wrapped = again.known
             returning key.id",
            &[
                (&ids, Type::INT8_ARRAY),
                (&known, Type::BYTEA_ARRAY),
                (&new, Type::BYTEA_ARRAY),
            ],
        )
        .await?;
        count += wrapped.len() as u64;
        if (rows.len() as i64) < BATCH {
            break;
        }
    }
    match damaged {
        Some(error) => Err(error.into()),
        None => Ok(count),
    }
}

/// What each key is needed for. It reads all keys of the archive and all receipts.
pub async fn usages(privacy: &Privacy) -> Result<Usages> {
    let master = privacy.master();
    let client = privacy.pool.get().await?;
    let rows = db::query(
        &client,
        &Scope::all(ROBEINGS),
        "select substring(wrapped for 4), count(*) from privacy.person_key group by 1",
        &[],
    )
    .await?;
    let mut wrapped: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    for row in &rows {
        let count: i64 = row.try_get(1)?;
        wrapped.insert(row.try_get(0)?, count.unsigned_abs());
    }
    let chain = receipt::verify(&client, &master).await?;
    let keys = master.fingerprints().into_iter().zip(chain.signed);
    let keys = keys.map(|(fingerprint, receipts)| Usage {
        archive_keys: wrapped.remove(&fingerprint).unwrap_or_default(),
        receipts,
    });
    Ok(Usages {
        keys: keys.collect(),
        locked: wrapped.into_values().sum(),
        fault: chain.fault,
    })
}
