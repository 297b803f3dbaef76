//! Stats: the experience, level and stats of each robeing.
//!
//! Every five minutes a [`roll_up`] reads what was committed since the last one, conversations in the log and ended
//! tasks, and adds it to the counts per quarter hour and to the totals of each robeing. The level follows from the experience
//! ([`level`]), and the stats from the level and from how the experience was earned ([`points`]). Nothing depends on
//! the order of events, so that [`rebuild`], which counts everything again, gives exactly the same result.
//!
//! `POST /v1/robeings/{id}/tasks` reports the end of a task. `GET /v1/robeings`, `.../stats` and `.../growth` show the
//! results.

pub mod badges;
pub mod experience;
mod feedback;
pub mod growth;
pub mod level;
mod leveling;
mod outdated;
pub mod personal;
pub mod points;
pub mod rebuild;
pub mod roll_up;
pub mod stats;
pub mod tasks;
mod totals;

use std::sync::Arc;

use platform::postgres::Pool;
use platform::serve::time_limit;
use platform::{Resources, Router, readiness, routes};
use settings::Settings;
use watermark::Watermark;

use experience::TaskValues;

/// How far the log and the tasks are counted.
pub(crate) const WATERMARK: Watermark = Watermark::new("robeing.watermark", "stats-batch");

/// The state of the routes and of roll-ups. Cheap to clone.
#[derive(Clone)]
pub struct Stats {
    pub(crate) pool: Pool,
    pub(crate) settings: Settings,
    pub(crate) task_values: Arc<TaskValues>,
}

impl Stats {
    /// Reads `TASK_EXPERIENCE`.
    pub fn open(resources: &Resources) -> anyhow::Result<Self> {
        Ok(Self {
            pool: resources.postgres()?,
            settings: Settings::open(resources)?,
            task_values: Arc::new(TaskValues::read(resources.env())?),
        })
    }
}

pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    let database = readiness::database(resources.postgres()?, migrations::FILES);
    resources.readiness().check("database", database);
    Ok(Router::new()
        .routes(routes!(roll_up::trigger))
        .layer(time_limit(roll_up::LONGEST_RUN))
        .routes(routes!(tasks::end))
        .routes(routes!(stats::rank))
        .routes(routes!(stats::of_robeing))
        .routes(routes!(growth::growth))
        .with_state(Stats::open(resources)?))
}
