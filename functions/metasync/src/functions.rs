//! The registry of functions. A new function is one entry in [`FUNCTIONS`]; routers, schedules,
//! triggers and tests are derived from it.

use std::time::Duration;

use platform::{Resources, Router};

use crate::schedule::{Schedule, work};
use crate::variables::{
    BUCKET_URL, DATABASE_URL, MASKING_KEY, METASYNC_KEYS, PRIVACY_KEY, Variable, WAREHOUSE_URL,
};

/// A function of MetaSync, other than `metasync` itself.
#[derive(Clone, Copy)]
pub struct Function {
    pub name: &'static str,
    pub app: fn(&Resources) -> anyhow::Result<Router>,
    /// What it can't run without.
    pub requires: &'static [Variable],
    /// It is wanted if one of these variables is set. `BUCKET_URL` alone asks for `cache-read` only, although others
    /// require it too.
    pub wanted_by: &'static [&'static str],
    /// The function that should not be served without it, and what does not run then.
    pub needed_by: Option<(&'static str, &'static str)>,
    /// None if the function has no route `POST /events/<name>`.
    pub trigger: Option<Trigger>,
}

/// The route `POST /events/<name>` of a function.
#[derive(Clone, Copy)]
pub struct Trigger {
    /// The time after which a run counts as failed.
    pub longest_run: Duration,
    /// None if no queue delivers to the function.
    pub queue: Option<Queue>,
    /// What calls the trigger periodically, for a process without a scheduler.
    pub schedules: &'static [Schedule],
}

/// How a function accepts the records of its queue on Lambda.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// One request per batch. The response lists the records that failed.
    Batches,
    /// One request per record. Any status other than 2xx means that the record failed.
    Records,
}

/// Receives events from sources that belong to no other function's queue.
pub const DEFAULT_RECEIVER: &str = "message-log";

/// Every function, in the order of the merged API documentation.
pub const FUNCTIONS: &[Function] = &[
    Function {
        name: "cache-read",
        app: cache_read::app,
        requires: &[BUCKET_URL],
        wanted_by: &["BUCKET_URL"],
        needed_by: None,
        trigger: None,
    },
    Function {
        name: "schema-sync",
        app: schema_sync::app,
        requires: &[WAREHOUSE_URL, BUCKET_URL],
        wanted_by: &["WAREHOUSE_URL"],
        needed_by: None,
        trigger: Some(Trigger {
            longest_run: schema_sync::api::LONGEST_SYNC,
            queue: None,
            schedules: &[Schedule {
                variable: "SYNC_INTERVAL_SECONDS",
                default_seconds: 3_600,
                // The demo syncs once before it serves.
                demo_seconds: 0,
                open: |resources| work(schema_sync::sync::Sync::open(resources)?, sync_schema),
            }],
        }),
    },
    Function {
        name: "message-log",
        app: message_log::app,
        requires: &[DATABASE_URL, MASKING_KEY],
        wanted_by: &[
            "DATABASE_URL",
            "MASKING_KEY",
            "SLACK_SIGNING_SECRET",
            "SLACK_ROBEINGS",
            "SLACK_DEFAULT_ROBEING",
            "SLACK_REACTIONS",
        ],
        needed_by: None,
        trigger: Some(Trigger {
            longest_run: message_log::roll_up::LONGEST_RUN,
            queue: Some(Queue::Batches),
            schedules: &[Schedule {
                variable: "ROLL_UP_INTERVAL_SECONDS",
                default_seconds: 10,
                demo_seconds: 2,
                open: |resources| work(message_log::Log::open(resources)?, roll_up_messages),
            }],
        }),
    },
    Function {
        name: "settings",
        app: settings::app,
        requires: &[DATABASE_URL],
        wanted_by: &["DATABASE_URL"],
        needed_by: None,
        trigger: None,
    },
    Function {
        name: "stats-batch",
        app: stats_batch::app,
        requires: &[DATABASE_URL],
        wanted_by: &["DATABASE_URL"],
        needed_by: None,
        trigger: Some(Trigger {
            longest_run: stats_batch::roll_up::LONGEST_RUN,
            queue: None,
            schedules: &[Schedule {
                variable: "STATS_INTERVAL_SECONDS",
                default_seconds: 300,
                demo_seconds: 2,
                open: |resources| work(stats_batch::Stats::open(resources)?, roll_up_stats),
            }],
        }),
    },
    Function {
        name: "privacy",
        app: privacy::app,
        requires: &[DATABASE_URL, BUCKET_URL, PRIVACY_KEY],
        wanted_by: &["PRIVACY_KEY", "RETENTION_DAYS", "ARCHIVE_AFTER_DAYS"],
        needed_by: Some((
            DEFAULT_RECEIVER,
            "retention, archiving, erasure and export of conversations",
        )),
        trigger: Some(Trigger {
            longest_run: privacy::LONGEST_TRIGGER,
            queue: None,
            schedules: &[Schedule {
                variable: "PRIVACY_INTERVAL_SECONDS",
                default_seconds: 86_400,
                demo_seconds: 0,
                open: |resources| work(privacy::Privacy::open(resources)?, run_privacy),
            }],
        }),
    },
    Function {
        name: "console",
        app: console::app,
        requires: &[DATABASE_URL, BUCKET_URL, METASYNC_KEYS],
        wanted_by: &["METASYNC_KEYS", "SIGN_IN_CLIENT_ID"],
        needed_by: None,
        trigger: Some(Trigger {
            longest_run: console::sweep::LONGEST_SWEEP,
            queue: None,
            schedules: &[Schedule {
                variable: "AUDIT_INTERVAL_SECONDS",
                default_seconds: 60,
                demo_seconds: 2,
                open: |resources| work(console::sweep::Sweep::open(resources)?, sweep_console),
            }],
        }),
    },
];

async fn sync_schema(sync: schema_sync::sync::Sync) -> anyhow::Result<()> {
    let answer = sync.run(&schema_sync::run::Run::default()).await?;
    tracing::info!(
        version = answer.version,
        updated = answer.updated,
        changes = answer.changes.len(),
        problems = answer.problems.len(),
        "synced the schema"
    );
    Ok(())
}

async fn roll_up_messages(log: message_log::Log) -> anyhow::Result<()> {
    message_log::roll_up::run(&log).await?;
    Ok(())
}

async fn roll_up_stats(stats: stats_batch::Stats) -> anyhow::Result<()> {
    stats_batch::roll_up::run(&stats).await?;
    Ok(())
}

async fn run_privacy(privacy: privacy::Privacy) -> anyhow::Result<()> {
    let ran = privacy::run::run(&privacy).await?;
    tracing::info!(
        months = ran.archived.len(),
        erasures = ran.erasures_finished,
        exports = ran.exports_finished,
        "archived months and finished erasures and exports"
    );
    Ok(())
}

async fn sweep_console(sweep: console::sweep::Sweep) -> anyhow::Result<()> {
    sweep.run().await?;
    Ok(())
}
