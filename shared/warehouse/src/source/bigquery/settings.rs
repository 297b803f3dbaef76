//! Which datasets are read, and the limits on requests.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use platform::google::Google;
use platform::{All as _, Env};
use schema::name::{TableName, dataset_id};
use url::Url;

/// A dataset, perhaps in another project than the one that pays for queries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    pub project: String,
    pub name: String,
}

impl Dataset {
    pub fn table(&self, name: &str) -> TableName {
        TableName::new(self.project.as_str(), self.name.as_str(), name)
    }
}

/// Writes the dataset as scopes name it.
impl std::fmt::Display for Dataset {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&dataset_id(&self.project, &self.name))
    }
}

#[derive(Clone)]
pub struct Settings {
    /// The project that pays for queries and dry runs.
    pub project: String,
    /// `WAREHOUSE_URL`: `bigquery://project/dataset[,dataset]`. Write a dataset of another project as
    /// `project.dataset`.
    pub datasets: Vec<Dataset>,
    /// `BIGQUERY_EMULATOR_HOST` (`host:port` or a URL). Default: Google's endpoint.
    pub endpoint: Url,
    /// None for an emulator, which needs no token.
    pub login: Option<Google>,
    /// `BIGQUERY_REQUESTS_PER_SECOND` per method. Default: 100, BigQuery's quota per user.
    pub requests_per_second: u32,
    /// `BIGQUERY_PARALLELISM`: concurrent requests. Default: 50.
    pub parallelism: usize,
    /// `BIGQUERY_QUERY_ABOVE`: a warehouse with more tables and families is read by one query per
    /// dataset (billed 10 MB or more) instead of one free request per table. Default: 500.
    pub query_above: usize,
    /// `BIGQUERY_MAX_BYTES_BILLED` per query, in bytes. Default: 104857600 (100 MB).
    pub max_bytes_billed: u64,
    /// `BIGQUERY_CHANGES`: how a later sync detects changes: by one `query` per dataset, or by a `get` of
    /// each table. Default: `query`.
    pub changes: Changes,
    pub retries: RetryPolicy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    Query,
    Get,
}

/// How often and how long a call is retried.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// The time-out of one attempt.
    pub timeout: Duration,
    pub attempts: u32,
    /// The wait before the second attempt. It doubles for each further attempt, up to 32 s.
    pub first_backoff: Duration,
    /// The time limit for all attempts of one call.
    pub deadline: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            attempts: 6,
            first_backoff: Duration::from_secs(1),
            deadline: Duration::from_secs(120),
        }
    }
}

const SHAPE: &str = "bigquery://project/dataset[,dataset]";

impl Settings {
    pub fn from_env(env: &Env) -> anyhow::Result<Self> {
        const REQUESTS: NonZeroU32 = NonZeroU32::new(100).expect("100 is not zero");
        const PARALLELISM: NonZeroUsize = NonZeroUsize::new(50).expect("50 is not zero");
        let warehouse = env.required("WAREHOUSE_URL", SHAPE).and_then(warehouse);
        let (warehouse, server, requests, parallelism, query_above, max_bytes_billed, changes) = (
            warehouse,
            server(env),
            env.parse("BIGQUERY_REQUESTS_PER_SECOND", REQUESTS),
            env.parse("BIGQUERY_PARALLELISM", PARALLELISM),
            env.parse("BIGQUERY_QUERY_ABOVE", 500),
            env.parse("BIGQUERY_MAX_BYTES_BILLED", 100 << 20),
            changes(env),
        )
            .all()?;
        let ((project, datasets), (endpoint, login)) = (warehouse, server);
        Ok(Self {
            project,
            datasets,
            endpoint,
            login,
            requests_per_second: requests.get(),
            parallelism: parallelism.get(),
            query_above,
            max_bytes_billed,
            changes,
            retries: RetryPolicy::default(),
        })
    }
}

/// The address of BigQuery, and the login; none for an emulator.
fn server(env: &Env) -> anyhow::Result<(Url, Option<Google>)> {
    Ok(match env.get("BIGQUERY_EMULATOR_HOST") {
        Some(host) => (emulator(host)?, None),
        None => (
            Url::parse("https://bigquery.googleapis.com/bigquery/v2/")
                .expect("a constant URL is valid"),
            Some(Google::new(env)),
        ),
    })
}

fn changes(env: &Env) -> anyhow::Result<Changes> {
    match env.get("BIGQUERY_CHANGES") {
        None | Some("query") => Ok(Changes::Query),
        Some("get") => Ok(Changes::Get),
        Some(other) => bail!("BIGQUERY_CHANGES is {other:?}: set it to query or get"),
    }
}

fn warehouse(url: &str) -> anyhow::Result<(String, Vec<Dataset>)> {
    let context = || format!("WAREHOUSE_URL is {url:?}: set it to {SHAPE}");
    let (project, names) = url
        .strip_prefix("bigquery://")
        .and_then(|rest| rest.trim_end_matches('/').split_once('/'))
        .with_context(context)?;
    let mut datasets: Vec<Dataset> = Vec::new();
    for name in names.split(',').map(str::trim) {
        let (of, name) = name.rsplit_once('.').unwrap_or((project, name));
        let dataset = Dataset {
            project: of.to_owned(),
            name: name.to_owned(),
        };
        ensure!(is_project(of) && is_dataset(name), context());
        if !datasets.contains(&dataset) {
            datasets.push(dataset);
        }
    }
    ensure!(is_project(project), context());
    Ok((project.to_owned(), datasets))
}

/// Names are written into SQL between backticks, so only these characters are allowed.
fn is_project(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-.:_".contains(&b))
}

fn is_dataset(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

fn emulator(host: &str) -> anyhow::Result<Url> {
    let context = || format!("BIGQUERY_EMULATOR_HOST is {host:?}: set it to host:port or a URL");
    let written = if host.contains("://") {
        Url::parse(host)
    } else {
        Url::parse(&format!("http://{host}"))
    };
    let mut url = written.with_context(context)?;
    ensure!(url.has_host(), context());
    let path = format!("{}/bigquery/v2/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_dataset_is_in_the_billed_project_unless_it_names_another() {
        let settings = Settings::from_env(&env(&[(
            "WAREHOUSE_URL",
            "bigquery://acme/shop, other-project.web,shop",
        )]))
        .unwrap();
        let names: Vec<_> = settings.datasets.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["acme.shop", "other-project.web"]);
        assert_eq!(settings.project, "acme");
        assert!(settings.login.is_some());
    }

    #[test]
    fn an_invalid_value_is_reported_with_the_name_of_its_variable() {
        for (name, value) in [
            ("WAREHOUSE_URL", "bigquery://acme"),
            ("WAREHOUSE_URL", "bigquery:///shop"),
            ("WAREHOUSE_URL", "bigquery://acme/"),
            ("WAREHOUSE_URL", "bigquery://acme/shop`; drop"),
            ("BIGQUERY_EMULATOR_HOST", "http://"),
            ("BIGQUERY_CHANGES", "never"),
            ("BIGQUERY_PARALLELISM", "0"),
            ("BIGQUERY_REQUESTS_PER_SECOND", "many"),
        ] {
            let env = env(&[("WAREHOUSE_URL", "bigquery://acme/shop")]).with(name, value);
            let error = Settings::from_env(&env).err().unwrap().to_string();
            assert!(error.starts_with(name), "{error}");
        }
    }

    #[test]
    fn an_emulator_needs_no_login() {
        let settings = Settings::from_env(&env(&[
            ("WAREHOUSE_URL", "bigquery://acme/shop"),
            ("BIGQUERY_EMULATOR_HOST", "localhost:9050"),
        ]))
        .unwrap();
        assert_eq!(
            settings.endpoint.as_str(),
            "http://localhost:9050/bigquery/v2/"
        );
        assert!(settings.login.is_none());
    }
}
