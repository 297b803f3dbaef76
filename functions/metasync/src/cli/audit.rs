//! `metasync audit`: who did what to what, and whether the log is as it was recorded.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::{Args, Subcommand};
use futures::TryStreamExt as _;
use jiff::Timestamp;
use people::People;
use people::audit::{AuditChain, AuditEntry, Filter, MAX_PAGE, Verification};
use platform::plural::counted;
use platform::{Env, Resources};

use super::print_json;

/// How long the database is read before the verification begins its next part.
const PART: Duration = Duration::from_secs(60);

#[derive(Subcommand)]
pub enum Command {
    /// List entries, newest first
    List {
        #[command(flatten)]
        filter: OfFilter,
        /// Maximum number of entries
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// Print the entries as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print all entries as lines of JSON, newest first
    Export {
        #[command(flatten)]
        filter: OfFilter,
        /// Print lines of JSON, which is the default
        #[arg(long)]
        json: bool,
    },
    /// Verify that no entry was changed, removed, inserted or reordered
    ///
    /// Computes the chain of digests again, and compares it with the anchors in the bucket. Also requires
    /// BUCKET_URL and METASYNC_KEYS. Returns 1 if something is wrong, and says what.
    Verify {
        /// Begin after the entry with this number, such as the last one whose anchor has a key that was removed
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        after: i64,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
pub struct OfFilter {
    /// Only actions that begin with this text, such as `token.`
    #[arg(long)]
    action: Option<String>,
    /// Only entries about the subject with this id
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Only entries by the person with this id, or by the token of this name
    #[arg(long)]
    actor: Option<String>,
    /// Only entries at or after this time, such as 2027-01-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Only entries before this time
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
}

impl From<OfFilter> for Filter {
    fn from(it: OfFilter) -> Self {
        Self {
            action: it.action,
            subject: it.subject,
            actor: it.actor,
            since: it.since,
            until: it.until,
        }
    }
}

pub async fn run(env: &Env, command: Command) -> anyhow::Result<()> {
    let resources = Resources::new(env.clone());
    match command {
        Command::List {
            filter,
            limit,
            json,
        } => {
            let people = People::open(&resources)?;
            list(&people, &filter.into(), limit, json).await
        }
        Command::Export { filter, json: _ } => {
            let mut lines = Box::pin(People::open(&resources)?.audit_export(filter.into()));
            let mut out = std::io::stdout().lock();
            while let Some(some) = lines.try_next().await? {
                out.write_all(some.as_bytes())?;
            }
            Ok(())
        }
        Command::Verify { after, json } => {
            let verified = verify(&AuditChain::open(&resources)?, after).await?;
            print_verified(&verified, json)
        }
    }
}

async fn list(people: &People, filter: &Filter, limit: usize, json: bool) -> anyhow::Result<()> {
    let mut all: Vec<AuditEntry> = Vec::new();
    while all.len() < limit {
        let after = all.last().map(|entry| entry.id);
        let some = i64::try_from(limit - all.len()).unwrap_or(MAX_PAGE);
        let page = people
            .audit_entries(filter, after, some.min(MAX_PAGE))
            .await?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    if json {
        return print_json(&all);
    }
    let mut out = std::io::stdout().lock();
    for entry in &all {
        let actor = entry.actor.as_deref().unwrap_or("(erased)");
        writeln!(
            out,
            "{:.0}  {}  {} {}  by {actor}  {}",
            entry.at, entry.action, entry.subject_kind, entry.subject, entry.detail
        )?;
    }
    Ok(())
}

/// Verifies the log after an entry, part by part.
async fn verify(chain: &AuditChain, after: i64) -> anyhow::Result<Verification> {
    let mut whole = chain.verify(after, Instant::now() + PART).await?;
    while let Some(after) = whole.next {
        let part = chain.verify(after, Instant::now() + PART).await?;
        whole = Verification {
            entries: whole.entries + part.entries,
            anchors: whole.anchors + part.anchors,
            erased: whole.erased + part.erased,
            ..part
        };
    }
    Ok(whole)
}

fn print_verified(verified: &Verification, json: bool) -> anyhow::Result<()> {
    if json {
        print_json(verified)?;
    } else {
        writeln!(
            std::io::stdout(),
            "verified {} and {}",
            counted(verified.entries.unsigned_abs(), "entry"),
            counted(verified.anchors.unsigned_abs(), "anchor")
        )?;
    }
    let Some(fault) = &verified.fault else {
        return Ok(());
    };
    let place = fault.seq.map(|seq| format!(" at {seq}"));
    let entry = fault.entry.map(|id| format!(", entry {id}"));
    bail!(
        "the audit log is not as it was recorded: {}{}{}: {}",
        serde_json::to_value(fault.kind)?
            .as_str()
            .unwrap_or_default(),
        place.unwrap_or_default(),
        entry.unwrap_or_default(),
        fault.detail
    );
}
