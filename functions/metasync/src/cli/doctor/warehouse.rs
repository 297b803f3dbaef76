//! Whether the warehouse can be read, and whether it plans queries.

use platform::plural::counted;
use platform::{Env, Resources};
use schema::document::How;
use tokio::time::timeout;
use warehouse::{Plan, Remedy, SourceError, Usage};

use super::given::{Given, quoted};
use super::repair;
use super::report::{LONGEST_CHECK, Outcome, failed, fine, skipped};

/// The number of problems that are listed.
const PROBLEMS: usize = 5;

pub async fn schema(resources: &Resources) -> Outcome {
    let env = resources.env();
    if env.get("WAREHOUSE_URL").is_none() {
        return skipped("WAREHOUSE_URL is not set");
    }
    let source = match warehouse::open(resources) {
        Ok(source) => source,
        Err(error) => return failed(format!("{error:#}"), repair::of(env, &error)),
    };
    match timeout(LONGEST_CHECK / 2, source.read(&[], &Usage::default())).await {
        Err(_) => fine("large; reading it takes longer than this check"),
        Ok(Err(error)) => {
            let remedy = command(env, error.remedy(), &list_datasets(env));
            failed(detail(error), remedy)
        }
        Ok(Ok(reading)) if reading.problems.is_empty() => {
            fine(counted(reading.tables.len(), "table"))
        }
        Ok(Ok(reading)) => {
            let listed = reading.problems.iter().take(PROBLEMS);
            let listed = listed.map(|problem| format!("{}: {}", problem.subject, problem.detail));
            let mut listed: Vec<String> = listed.collect();
            let more = reading.problems.len().saturating_sub(PROBLEMS);
            if more > 0 {
                listed.push(format!("and {more} more"));
            }
            let remedy = command(env, reading.remedy.as_ref(), &list_datasets(env));
            failed(listed.join("; "), remedy)
        }
    }
}

pub async fn dry_run(resources: &Resources) -> Outcome {
    let Ok(source) = warehouse::open(resources) else {
        return skipped("no warehouse is configured");
    };
    let retry = "bq query --dry_run --use_legacy_sql=false 'select 1'";
    let env = resources.env();
    match source.plan("select 1 as one", &Usage::default()).await {
        Ok(Plan::Accepted(planned)) if planned.verified.how == How::DryRun => {
            fine("the warehouse plans queries")
        }
        Ok(Plan::Accepted(_)) => skipped(
            "a folder of schema files plans no query; queries are checked against the files",
        ),
        Ok(Plan::Rejected(reason)) => failed(reason.message, command(env, None, retry)),
        Err(error) => {
            let remedy = command(env, error.remedy(), retry);
            failed(detail(error), remedy)
        }
    }
}

/// The command that fixes a refusal. It grants a role only if the warehouse's message names the missing
/// permission; otherwise it repeats the call that was refused (`retry`, on BigQuery).
fn command(env: &Env, remedy: Option<&Remedy>, retry: &str) -> String {
    match remedy {
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
    if url.starts_with("bigquery://") {
        retry.to_owned()
    } else if url.starts_with("postgres") {
        let url = Given::of(env, "WAREHOUSE_URL").value();
        format!("psql \"{url}\" -c 'select 1'  # then, as its owner: grant usage on schema ...")
    } else {
        format!("ls {}", quoted(url.strip_prefix("file://").unwrap_or(url)))
    }
}

fn list_datasets(env: &Env) -> String {
    let url = env.get("WAREHOUSE_URL").unwrap_or_default();
    let place = url.strip_prefix("bigquery://").unwrap_or_default();
    let project = place.split('/').next().unwrap_or_default();
    let url = format!("\"bigquery://{project}/${{DATASET:?set it to one of them}}\"");
    let set = Given::of(env, "WAREHOUSE_URL").set(&url);
    format!("bq ls --project_id={project}  # then: {set}")
}

/// The warehouse's message. The text of `Other` leaves its cause out.
fn detail(error: SourceError) -> String {
    match error {
        SourceError::Other(cause) => format!("{cause:#}"),
        other => other.to_string(),
    }
}
