//! Stats: how a robeing grows by what it does.
//!
//! Every five minutes a [`roll_up`] takes what was committed since the last one, conversations of the
//! log and the ends of tasks, and adds it to the hours and to the totals of each robeing. Its level is
//! a function of its experience ([`level`]), its stats of its level and of what it did ([`points`]):
//! nothing depends on the order in which things happened, so that [`rebuild`], which counts
//! everything again, comes to the same, bit for bit.
//!
//! `POST /v1/robeings/{id}/tasks` tells that a task ended; `GET /v1/robeings`, `.../stats` and
//! `.../growth` show what came of it.

pub mod badges;
pub mod experience;
pub mod growth;
pub mod level;
pub mod personal;
pub mod points;
pub mod rebuild;
pub mod roll_up;
pub mod stats;
pub mod tasks;

use std::sync::Arc;

use platform::postgres::Pool;
use platform::serve::may_take;
use platform::{Resources, Router, routes};
use settings::Settings;

use experience::Table;

/// What the routes and the batch work with. Cheap to clone.
#[derive(Clone)]
pub struct Stats {
    pub(crate) pool: Pool,
    pub(crate) settings: Settings,
    pub(crate) table: Arc<Table>,
}

impl Stats {
    /// Reads `TASK_EXPERIENCE`.
    pub fn open(resources: &Resources) -> anyhow::Result<Self> {
        Ok(Self {
            pool: resources.postgres()?,
            settings: Settings::open(resources)?,
            table: Arc::new(Table::read(resources.env())?),
        })
    }
}

pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    Ok(Router::new()
        .routes(routes!(roll_up::trigger))
        .layer(may_take(roll_up::LONGEST_RUN))
        .routes(routes!(tasks::end))
        .routes(routes!(stats::rank))
        .routes(routes!(stats::of_robeing))
        .routes(routes!(growth::growth))
        .with_state(Stats::open(resources)?))
}
