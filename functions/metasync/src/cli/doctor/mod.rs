//! `metasync doctor`: what a deployment trips over, looked at before it does, and for each failure the
//! one command that mends it. Nothing is changed, but for an object below `probe/` in the bucket that
//! is written and removed.

mod aws;
mod gcp;

use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use platform::llm::{Ask, LlmError};
use platform::postgres::{self, types::Type};
use platform::store::StoreError;
use platform::{Env, Resources};
use serde::Serialize;
use serde_json::json;
use tokio::time::timeout;
use warehouse::{Plan, Remedy, SourceError, Usage};

/// Of one check. A large warehouse takes longer to be read, and has answered by then.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of a warehouse, that are told.
const PROBLEMS: usize = 5;

/// Which cloud is looked at beside the configuration.
#[derive(Clone, Copy)]
pub enum Cloud {
    Aws,
    Gcp,
}

/// How one check came out.
#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Outcome {
    Fine { detail: String },
    Failed { detail: String, mend: String },
    Skipped { detail: String },
}

#[derive(Serialize)]
struct Check {
    check: String,
    #[serde(flatten)]
    outcome: Outcome,
}

fn fine(detail: impl Into<String>) -> Outcome {
    let detail = detail.into();
    Outcome::Fine { detail }
}

fn failed(detail: impl Into<String>, mend: impl Into<String>) -> Outcome {
    let (detail, mend) = (detail.into(), mend.into());
    Outcome::Failed { detail, mend }
}

fn skipped(detail: impl Into<String>) -> Outcome {
    let detail = detail.into();
    Outcome::Skipped { detail }
}

/// Looks at everything, prints what it found, and ends with 1 if something fails.
pub async fn run(env: Env, cloud: Option<Cloud>, name: &str, json: bool) -> anyhow::Result<()> {
    let mut report = Report::default();
    let resolved = platform::secrets::resolve(env.clone()).await;
    let env = match resolved {
        Ok(env) => env,
        Err(error) => {
            let mend = "eval \"$(aws configure export-credentials --format env)\"";
            report.add("secrets", failed(format!("{error:#}"), mend));
            without_references(&env)
        }
    };
    match cloud {
        Some(Cloud::Aws) => aws::check(&env, name, &mut report).await?,
        Some(Cloud::Gcp) => gcp::check(&env, name, &mut report).await?,
        None => {}
    }
    let resources = Resources::new(env);
    report.look("callers", async { callers(&resources) }).await;
    report.look("bucket", bucket(&resources)).await;
    report.look("database", database(&resources)).await;
    report.look("warehouse", warehouse(&resources)).await;
    report.look("dry run", dry_run(&resources)).await;
    report.look("model", model(&resources)).await;
    report.print(json)?;
    if report.has_failed() {
        std::process::exit(1);
    }
    Ok(())
}

/// What could not be resolved counts as not set: a name of a secret is no URL of a database.
fn without_references(env: &Env) -> Env {
    let is_name = |value: &str| value.starts_with("arn:") || value.starts_with("projects/");
    let kept = env.iter().filter(|(_, value)| !is_name(value));
    kept.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[derive(Default)]
struct Report(Vec<Check>);

impl Report {
    fn add(&mut self, check: impl Into<String>, outcome: Outcome) {
        let check = check.into();
        self.0.push(Check { check, outcome });
    }

    async fn look(&mut self, check: &str, outcome: impl Future<Output = Outcome>) {
        let outcome = timeout(PATIENCE, outcome).await;
        let seconds = PATIENCE.as_secs();
        self.add(
            check,
            outcome.unwrap_or_else(|_| {
                failed(
                    format!("no answer in {seconds} s"),
                    "metasync doctor  # again, from a network that reaches it",
                )
            }),
        );
    }

    fn has_failed(&self) -> bool {
        let mut outcomes = self.0.iter().map(|check| &check.outcome);
        outcomes.any(|outcome| matches!(outcome, Outcome::Failed { .. }))
    }

    fn print(&self, as_json: bool) -> anyhow::Result<()> {
        if as_json {
            return super::print_json(&json!({ "ok": !self.has_failed(), "checks": self.0 }));
        }
        let mut out = std::io::stdout().lock();
        for Check { check, outcome } in &self.0 {
            match outcome {
                Outcome::Fine { detail } => writeln!(out, "  ok    {check}: {detail}")?,
                Outcome::Skipped { detail } => writeln!(out, "  -     {check}: {detail}")?,
                Outcome::Failed { detail, mend } => {
                    writeln!(out, "  FAIL  {check}: {detail}\n          {mend}")?;
                }
            }
        }
        Ok(())
    }
}

fn callers(resources: &Resources) -> Outcome {
    match resources.auth() {
        Ok(auth) if auth.is_open() => fine("everybody, on this machine alone"),
        Ok(_) => fine("somebody may call"),
        Err(error) => failed(
            format!("{error:#}"),
            "export AUTH_TOKENS=\"[{\\\"name\\\": \\\"me\\\", \\\"role\\\": \\\"admin\\\", \\\"scope\\\": \
             {\\\"datasets\\\": [\\\"*\\\"], \\\"robeings\\\": [\\\"*\\\"], \\\"sessions\\\": [\\\"*\\\"]}, \
             \\\"sha256\\\": \\\"$(printf %s \"$TOKEN\" | sha256sum | cut -d' ' -f1)\\\"}]\"",
        ),
    }
}

async fn bucket(resources: &Resources) -> Outcome {
    const HEAD: &str = "schema/metadata_cache.json";
    let Some(url) = resources.env().get("BUCKET_URL") else {
        return skipped("BUCKET_URL is not set");
    };
    let store = match resources.store() {
        Ok(store) => store,
        Err(error) => return failed(format!("{error:#}"), "export BUCKET_URL=s3://bucket"),
    };
    let found = match store.get(HEAD).await {
        Ok(_) => Ok("has a schema"),
        Err(StoreError::NotFound(_)) => Ok("can be read, and is new"),
        Err(error) => Err(error),
    };
    let found = match found {
        Ok(found) => store.probe().await.map(|()| found),
        Err(error) => Err(error),
    };
    let (detail, is_denied) = match found {
        Ok(found) => return fine(format!("{url} {found}")),
        Err(error @ StoreError::Deviates(_)) => {
            let mend =
                "export STORE_CONDITIONAL_WRITES=unchecked  # if one process writes at a time";
            return failed(error.to_string(), mend);
        }
        Err(error) => {
            let is_denied = matches!(error, StoreError::Denied { .. });
            (format!("{:#}", anyhow::Error::new(error)), is_denied)
        }
    };
    let place = url.split_once("://").map_or("", |(_, place)| place);
    let name = place.split('/').next().unwrap_or_default();
    let mend = match (url.split(':').next(), is_denied) {
        (Some("s3"), true) if detail.contains("no AWS credentials") => {
            "eval \"$(aws configure export-credentials --format env)\"".to_owned()
        }
        (Some("s3"), true) => format!("aws s3api get-bucket-policy --bucket {name}"),
        (Some("s3"), false) => format!("aws s3api head-bucket --bucket {name}"),
        (Some("gs"), true) => format!(
            "gcloud storage buckets add-iam-policy-binding gs://{name} --role roles/storage.objectUser \
             --member \"user:$(gcloud config get account)\""
        ),
        (Some("gs"), false) => format!("gcloud storage buckets describe gs://{name}"),
        _ => format!("mkdir -p {place}"),
    };
    failed(detail, mend)
}

async fn database(resources: &Resources) -> Outcome {
    let env = resources.env();
    if env.get("DATABASE_URL").is_none() {
        return skipped("DATABASE_URL is not set");
    }
    let (version, is_superuser) = match about_database(resources).await {
        Ok(about) => about,
        Err(error) => return failed(format!("{error:#}"), "psql \"$DATABASE_URL\" -c 'select 1'"),
    };
    if version < 150_000 {
        let detail = format!("Postgres {} is too old: 15 or later", version / 10_000);
        return failed(detail, "psql \"$DATABASE_URL\" -c 'select version()'");
    }
    match postgres::pending(env, migrations::FILES).await {
        Err(error) => failed(format!("{error:#}"), "metasync migrate"),
        Ok(pending) if !pending.is_empty() => {
            let pending = pending.join(", ");
            failed(format!("not migrated: {pending}"), "metasync migrate")
        }
        Ok(_) if is_superuser => failed(
            "its user is a superuser, whom row-level security does not hold",
            "psql \"$DATABASE_URL\" -c \"create role metasync login password '...'\"",
        ),
        Ok(_) => fine(format!("Postgres {}, migrated", version / 10_000)),
    }
}

async fn about_database(resources: &Resources) -> anyhow::Result<(i32, bool)> {
    let pool = resources.postgres()?;
    let db = pool.get().await.map_err(platform::Error::from)?;
    let sql = "select current_setting('server_version_num')::int4,
                      (select rolsuper from pg_roles where rolname = current_user)";
    let none: [(&(dyn postgres::types::ToSql + Sync), Type); 0] = [];
    let row = db.query_typed_one(sql, &none).await?;
    Ok((row.get(0), row.get(1)))
}

/// What to do where a warehouse refuses. A role is suggested only where the warehouse's own words
/// tell that it is missing; else the command shows those words.
fn mend(env: &Env, mend: Option<&Remedy>, show: &str) -> String {
    match mend {
        Some(Remedy::Grant { role, project }) => {
            return format!(
                "gcloud projects add-iam-policy-binding {project} --role {role} --member \
                 \"user:$(gcloud config get account)\""
            );
        }
        Some(Remedy::Set(variable)) => return format!("export {variable}"),
        Some(Remedy::Run(command)) => return command.clone(),
        None => {}
    }
    let url = env.get("WAREHOUSE_URL").unwrap_or_default();
    match url.strip_prefix("bigquery://") {
        Some(_) => show.to_owned(),
        None if url.starts_with("postgres") => {
            "psql \"$WAREHOUSE_URL\" -c 'select 1'  # then, as its owner: grant usage on schema ..."
                .to_owned()
        }
        None => "ls \"${WAREHOUSE_URL#file://}\"".to_owned(),
    }
}

/// The datasets that there are.
fn show_datasets(env: &Env) -> String {
    let url = env.get("WAREHOUSE_URL").unwrap_or_default();
    let place = url.strip_prefix("bigquery://").unwrap_or_default();
    let project = place.split('/').next().unwrap_or_default();
    format!("bq ls --project_id={project}  # then: export WAREHOUSE_URL=bigquery://{project}/...")
}

async fn warehouse(resources: &Resources) -> Outcome {
    if resources.env().get("WAREHOUSE_URL").is_none() {
        return skipped("WAREHOUSE_URL is not set");
    }
    let env = resources.env();
    let source = match warehouse::open(resources) {
        Ok(source) => source,
        Err(error) => {
            return failed(
                format!("{error:#}"),
                "export WAREHOUSE_URL=bigquery://project/dataset",
            );
        }
    };
    match timeout(PATIENCE / 2, source.read(&[], &Usage::default())).await {
        Err(_) => fine("it is large, and is being read"),
        Ok(Err(error)) => {
            let mend = mend(env, error.remedy(), &show_datasets(env));
            failed(said(error), mend)
        }
        Ok(Ok(reading)) if reading.problems.is_empty() => {
            fine(format!("{} tables", reading.tables.len()))
        }
        Ok(Ok(reading)) => {
            let told = reading.problems.iter().take(PROBLEMS);
            let told = told.map(|problem| format!("{}: {}", problem.subject, problem.detail));
            let mut told: Vec<String> = told.collect();
            let more = reading.problems.len().saturating_sub(PROBLEMS);
            if more > 0 {
                told.push(format!("and {more} more"));
            }
            let mend = mend(env, reading.remedy.as_ref(), &show_datasets(env));
            failed(told.join("; "), mend)
        }
    }
}

async fn dry_run(resources: &Resources) -> Outcome {
    let Ok(source) = warehouse::open(resources) else {
        return skipped("there is no warehouse");
    };
    let show = "bq query --dry_run --use_legacy_sql=false 'select 1'";
    let env = resources.env();
    match source.plan("select 1 as one", &Usage::default()).await {
        Ok(Plan::Accepted(_)) => fine("queries are planned"),
        Ok(Plan::Rejected(reason)) => failed(reason, mend(env, None, show)),
        Err(error) => {
            let mend = mend(env, error.remedy(), show);
            failed(said(error), mend)
        }
    }
}

/// The error's own text holds the warehouse's words; what is behind an `Other` would be lost.
fn said(error: SourceError) -> String {
    match error {
        SourceError::Other(cause) => format!("{cause:#}"),
        told => told.to_string(),
    }
}

/// Asks for one word.
async fn model(resources: &Resources) -> Outcome {
    let llm = match resources.llm().context("LLM_MODEL") {
        Ok(Some(llm)) => llm,
        Ok(None) => return skipped("LLM_MODEL is not set: names and rules do"),
        Err(error) => {
            let text = format!("{error:#}");
            let word = |it: &&str| it.ends_with("_KEY");
            let key = text
                .split(|it: char| !it.is_ascii_alphanumeric() && it != '_')
                .find(word);
            let mend = format!("export {}=...", key.unwrap_or("LLM_MODEL"));
            return failed(text, mend);
        }
    };
    let ask = Ask {
        system: "You answer with one word.".into(),
        user: "Say yes.".into(),
        name: "word",
        schema: json!({
            "type": "object",
            "properties": {"word": {"type": "string"}},
            "required": ["word"],
            "additionalProperties": false,
        }),
        max_output_tokens: 100,
    };
    match llm.ask(&ask).await {
        Ok(_) => fine("it answers"),
        Err(LlmError::Denied(detail)) => {
            failed(detail, "export LLM_MODEL=...  # and its provider's key")
        }
        Err(error) => failed(
            format!("{:#}", anyhow::Error::new(error)),
            "metasync doctor  # again",
        ),
    }
}
