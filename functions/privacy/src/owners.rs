//! The owners of personal data. A new function that stores personal data adds itself here; a test fails
//! on a table that no owner claims.

use personal::{Counts, Owner, Subject, Table, add};
use platform::Result;
use platform::postgres::Client;
use platform::postgres::scoped as db;

/// In the order of an erasure: the log first, because other owners derive their rows from it.
const OWNERS: [&dyn Owner; 5] = [
    &message_log::personal::Conversations,
    &settings::personal::Settings,
    &stats_batch::personal::Stats,
    &people::personal::Accounts,
    &crate::personal::Archive,
];

/// Every owner of personal data.
pub fn all() -> &'static [&'static dyn Owner] {
    &OWNERS
}

/// Tables that belong to no function, and why they hold no personal data.
pub const WITHOUT_OWNER: [Table; 1] = [Table::free("metasync.migration", "the applied migrations")];

/// The number of rows per table that hold something about the subject, from one snapshot.
pub async fn held(client: &mut Client, subject: &Subject) -> Result<Counts> {
    let transaction = db::read(client, &subject.scope()).await?;
    let mut counts = Counts::new();
    for owner in all() {
        add(&mut counts, owner.held(&transaction, subject).await?);
    }
    Ok(counts)
}

/// The number of remaining rows per table that were derived from erased rows.
pub async fn orphaned_copies(client: &mut Client, subject: &Subject) -> Result<Counts> {
    let transaction = db::read(client, &subject.scope()).await?;
    let mut counts = Counts::new();
    for owner in all() {
        let copies = owner.orphaned_copies(&transaction, subject).await?;
        add(&mut counts, copies);
    }
    Ok(counts)
}
