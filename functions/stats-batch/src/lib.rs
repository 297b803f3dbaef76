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

use people::People;
use platform::postgres::Pool;
use platform::postgres::scoped::{self as db, Scope};
use platform::serve::time_limit;
use platform::{All as _, Resources, Router, readiness, routes};
use robeing::ROBEINGS;
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
        let (pool, settings, task_values) = (
            resources.postgres(),
            Settings::open(resources),
            TaskValues::read(resources.env()),
        )
            .all()?;
        Ok(Self {
            pool,
            settings,
            task_values: Arc::new(task_values),
        })
    }
}

impl Stats {
    /// The robeings with counted messages or tasks.
    pub async fn robeings(&self) -> platform::Result<Vec<String>> {
        let client = self.pool.get().await?;
        let sql = "select robeing_id from robeing.stats order by robeing_id";
        let rows = db::query(&client, &Scope::all(ROBEINGS), sql, &[]).await?;
        let names = rows.iter().map(|row| row.try_get(0));
        Ok(names.collect::<Result<_, _>>()?)
    }
}

pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    let stats = Stats::open(resources)?;
    People::open(resources)?;
    let database = readiness::database(stats.pool.clone(), migrations::FILES);
    resources.readiness().check("database", database);
    Ok(Router::new()
        .routes(routes!(roll_up::trigger))
        .layer(time_limit(roll_up::LONGEST_RUN))
        .routes(routes!(tasks::end))
        .routes(routes!(stats::rank))
        .routes(routes!(stats::of_robeing))
        .routes(routes!(growth::growth))
        .with_state(stats))
}
