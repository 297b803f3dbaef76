//! `metasync doctor`: checks a configuration and a deployment for common problems, and prints the command
//! that fixes each failure. It changes nothing, except that it writes and removes an object below `probe/`
//! in the bucket.

mod aws;
mod contents;
mod difference;
mod functions;
mod gcp;
mod given;
#[cfg(test)]
mod modules;
mod privacy_keys;
mod readiness;
mod repair;
mod report;
mod scopes;
mod warehouse;

use platform::llm::{LlmError, Prompt};
use platform::postgres::{self, types::Type};
use platform::store::StoreError;
use platform::{Env, Resources};
use serde_json::json;

use given::{Given, quoted};
use report::{Outcome, Report, failed, fine, skipped};

/// The cloud whose deployment is checked in addition to the configuration.
#[derive(Clone, Copy)]
pub enum Cloud {
    Aws,
    Gcp,
}

/// Runs every check and prints the outcomes. Exits with 1 if a check fails.
pub async fn run(env: Env, cloud: Option<Cloud>, name: &str, json: bool) -> anyhow::Result<()> {
    let mut report = Report::default();
    let env = platform::secrets::resolve_each(env).await;
    for (name, reason) in env.unread() {
        let detail = format!("can't read the secret of {name}: {reason}");
        report.add("secrets", failed(detail, Given::of(&env, name).edit()));
    }
    for (name, _) in env.without_value() {
        let detail = format!("{name} refers to a secret without a value");
        report.add("secrets", failed(detail, Given::of(&env, name).edit()));
    }
    match cloud {
        Some(Cloud::Aws) => aws::check(&env, name, &mut report).await?,
        Some(Cloud::Gcp) => gcp::check(&env, name, &mut report).await?,
        None => {}
    }
    let resources = Resources::new(env);
    report.check("callers", async { callers(&resources) }).await;
    let functions = match cloud {
        None => functions::check(&resources),
        Some(_) => skipped(
            "what is deployed has its own variables, and those of this shell say nothing about it: \
             `metasync doctor` without --aws and --gcp checks which functions they start",
        ),
    };
    report.add("functions", functions);
    report.check("bucket", bucket(&resources)).await;
    report.check("database", database(&resources)).await;
    report
        .check("warehouse", warehouse::schema(&resources))
        .await;
    report
        .check("dry run", warehouse::dry_run(&resources))
        .await;
    report.check("model", model(&resources)).await;
    report.check("scopes", scopes::check(&resources)).await;
    report
        .check("privacy keys", privacy_keys::check(&resources))
        .await;
    report.print(json)?;
    if report.has_failed() {
        std::process::exit(1);
    }
    Ok(())
}

fn callers(resources: &Resources) -> Outcome {
    match resources.auth() {
        Ok(auth) if auth.is_open() => fine("everyone may call, from this machine only"),
        Ok(_) => fine("callers can authenticate"),
        Err(error) => {
            let detail = format!("{error:#}");
            let remedy = callers_remedy(resources.env(), &detail);
            failed(detail, remedy)
        }
    }
}

/// The command that lets somebody call. It creates a token if there is none: a new value of `AUTH_TOKENS` would remove
/// the other callers.
fn callers_remedy(env: &Env, detail: &str) -> String {
    let tokens = Given::of(env, "AUTH_TOKENS");
    match repair::variable(detail).as_deref() {
        Some("AUTH_MODE") => return "unset AUTH_MODE".to_owned(),
        Some("AUTH_TOKENS") => return tokens.edit(),
        Some(other) => return Given::of(env, other).edit(),
        None if env.why_unread("AUTH_TOKENS").is_some() => return tokens.edit(),
        None => {}
    }
    let word = "\"[{\\\"name\\\": \\\"me\\\", \\\"role\\\": \\\"admin\\\", \\\"scope\\\": {\\\"*\\\": [\\\"*\\\"]}, \
                \\\"sha256\\\": \\\"$(printf %s \"$TOKEN\" | sha256sum | cut -d' ' -f1)\\\"}]\"";
    format!(
        "TOKEN=$(openssl rand -hex 32) && {}  # $TOKEN is what the caller sends",
        tokens.set(word)
    )
}

async fn bucket(resources: &Resources) -> Outcome {
    const HEAD: &str = "schema/metadata_cache.json";
    let Some(url) = resources.env().get("BUCKET_URL") else {
        return skipped("BUCKET_URL is not set");
    };
    let store = match resources.store() {
        Ok(store) => store,
        Err(error) => return failed(format!("{error:#}"), repair::of(resources.env(), &error)),
    };
    let found = match store.get(HEAD).await {
        Ok(_) => Ok("has a schema"),
        Err(StoreError::NotFound(_)) => Ok("can be read and has no schema yet"),
        Err(error) => Err(error),
    };
    let found = match found {
        Ok(found) => store.probe().await.map(|()| found),
        Err(error) => Err(error),
    };
    let (detail, is_denied) = match found {
        Ok(found) => return fine(format!("{url} {found}")),
        Err(error @ StoreError::Deviates(_)) => {
            let remedy =
                "export STORE_CONDITIONAL_WRITES=unchecked  # if only one process writes at a time";
            return failed(error.to_string(), remedy);
        }
        Err(error) => {
            let is_denied = matches!(error, StoreError::Denied { .. });
            (format!("{:#}", anyhow::Error::new(error)), is_denied)
        }
    };
    let place = url.split_once("://").map_or("", |(_, place)| place);
    let name = place.split('/').next().unwrap_or_default();
    let remedy = match (url.split(':').next(), is_denied) {
        (Some("s3"), true) if detail.contains("no AWS credentials") => aws::LOGIN.to_owned(),
        (Some("s3"), true) => format!("aws s3api get-bucket-policy --bucket {name}"),
        (Some("s3"), false) => format!("aws s3api head-bucket --bucket {name}"),
        (Some("gs"), true) => format!(
            "gcloud storage buckets add-iam-policy-binding gs://{name} --role roles/storage.objectUser \
             --member \"user:$(gcloud config get account)\""
        ),
        (Some("gs"), false) => format!("gcloud storage buckets describe gs://{name}"),
        _ => format!("mkdir -p {}", quoted(place)),
    };
    failed(detail, remedy)
}

/// The command that sends a statement, a word of the shell, to the database.
fn psql(env: &Env, statement: &str) -> String {
    let url = Given::of(env, "DATABASE_URL").value();
    format!("psql \"{url}\" -c {statement}")
}

async fn pending(resources: &Resources) -> anyhow::Result<Vec<String>> {
    Ok(postgres::pending(&resources.postgres()?, migrations::FILES).await?)
}

async fn database(resources: &Resources) -> Outcome {
    let env = resources.env();
    if env.get("DATABASE_URL").is_none() {
        return skipped("DATABASE_URL is not set");
    }
    let pool = match resources.postgres() {
        Ok(pool) => pool,
        Err(error) => return failed(format!("{error:#}"), repair::of(env, &error)),
    };
    let psql = |sql: &str| psql(env, sql);
    let (version, is_superuser) = match version(&pool).await {
        Ok(version) => version,
        Err(error) => return failed(format!("{error:#}"), psql("'select 1'")),
    };
    if version < 150_000 {
        let detail = format!("Postgres {} is too old: use 15 or later", version / 10_000);
        return failed(detail, psql("'select version()'"));
    }
    match pending(resources).await {
        Err(error) => failed(format!("{error:#}"), "metasync migrate"),
        Ok(pending) if !pending.is_empty() => {
            let pending = pending.join(", ");
            failed(format!("not migrated: {pending}"), "metasync migrate")
        }
        Ok(_) if is_superuser => failed(
            "its user is a superuser, which row-level security doesn't restrict",
            psql("\"create role metasync login password '${NEW_PASSWORD:?set it to a new one}'\""),
        ),
        Ok(_) => fine(format!("Postgres {}, migrated", version / 10_000)),
    }
}

/// The version of the server, and whether the user is a superuser.
async fn version(pool: &postgres::Pool) -> anyhow::Result<(i32, bool)> {
    let db = pool.get().await.map_err(platform::Error::from)?;
    let sql = "select current_setting('server_version_num')::int4,
                      (select rolsuper from pg_roles where rolname = current_user)";
    let none: [(&(dyn postgres::types::ToSql + Sync), Type); 0] = [];
    let row = db.query_typed_one(sql, &none).await?;
    Ok((row.get(0), row.get(1)))
}

/// Asks the model for one word.
async fn model(resources: &Resources) -> Outcome {
    let env = resources.env();
    let llm = match resources.llm() {
        Ok(Some(llm)) => llm,
        Ok(None) => return skipped("LLM_MODEL is not set; names and rules are used instead"),
        Err(error) => return failed(format!("{error:#}"), repair::of(env, &error)),
    };
    let ask = Prompt {
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
        Err(LlmError::Denied(detail) | LlmError::Exhausted { detail, .. }) => {
            let remedy = Given::of(env, refused(env, &detail)).edit();
            failed(detail, remedy)
        }
        Err(error) => failed(
            format!("{:#}", anyhow::Error::new(error)),
            "metasync doctor  # try again",
        ),
    }
}

/// The variable that a refusal of a provider says to set.
fn refused<'a>(env: &Env, detail: &'a str) -> &'a str {
    let (_, advice) = detail.rsplit_once(": set ").unwrap_or_default();
    let mut words = advice.split(' ');
    let named = words.find(|it| it.contains('_') && env.get(it).is_some());
    named.unwrap_or("LLM_MODEL")
}
