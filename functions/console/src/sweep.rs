//! `POST /events/console`: adds new entries of the audit log to its chain, and deletes what has expired.

use std::time::Duration;

use axum::extract::State;
use people::People;
use people::audit::{AuditChain, Swept};
use platform::auth::Admin;
use platform::{All as _, Json, RawBody, Resources, Result};
use serde::Serialize;
use utoipa::ToSchema;

use crate::audit::may_see;

/// The time limit of a sweep.
pub const LONGEST_SWEEP: Duration = Duration::from_secs(120);

/// What a sweep needs. Cheap to clone.
#[derive(Clone)]
pub struct Sweep {
    people: People,
    chain: AuditChain,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = ConsoleSwept)]
pub struct Done {
    /// What was added to the chain of the audit log.
    #[schema(inline)]
    pub audit: Swept,
    /// The number of sign-ins, tokens of people and attempts to sign in that had expired.
    pub expired: u64,
}

impl Sweep {
    pub fn open(resources: &Resources) -> anyhow::Result<Self> {
        let (people, chain) = (People::open(resources), AuditChain::open(resources)).all()?;
        Ok(Self { people, chain })
    }

    /// Deletes what has expired even if the bucket, in which the audit log has its anchors, is not available.
    pub async fn run(&self) -> Result<Done> {
        let (expired, audit) = (self.people.remove_expired().await, self.chain.sweep().await);
        Ok(Done {
            expired: expired?,
            audit: audit?,
        })
    }
}

/// Add new entries of the audit log to its chain, and delete expired sign-ins.
///
/// The body is ignored.
#[utoipa::path(
    post,
    path = "/events/console",
    tag = "events",
    operation_id = "console_event",
    request_body(content = Object, description = "any JSON, such as `{}`"),
    responses(
        (status = 200, description = "what was added and deleted", body = Done),
        (status = 403, description = "the caller is not an admin with the whole scope"),
        (status = 503, description = "the database or the bucket is not available"),
    )
)]
pub async fn trigger(
    State(sweep): State<Sweep>,
    Admin(caller): Admin,
    _: RawBody,
) -> Result<Json<Done>> {
    may_see(&caller)?;
    sweep.run().await.map(Json)
}
