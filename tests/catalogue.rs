//! `infra/functions.json`, as tests read it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    functions: BTreeMap<String, Function>,
    variables: BTreeMap<String, BTreeSet<String>>,
}

/// One entry. A misspelt field is an error here, where Terraform would pass over it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    pub description: String,
    pub memory_mb: u32,
    pub timeout_seconds: u32,
    pub concurrency: Concurrency,
    pub routes: BTreeSet<String>,
    #[serde(default)]
    pub signed_routes: BTreeSet<String>,
    #[serde(default)]
    pub schedules: BTreeMap<String, Schedule>,
    pub queue: Option<Queue>,
    pub uses: Uses,
    /// Its own; [`Function::reads`] has all.
    variables: BTreeSet<String>,
    #[serde(skip)]
    pub reads: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    pub instances: u32,
    pub requests: u32,
}

/// Every so many minutes, which must divide an hour, or at a time of the day (UTC).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    pub every_minutes: Option<u32>,
    pub daily_at: Option<String>,
    pub input: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    pub batch: u32,
    pub receives: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uses {
    #[serde(default)]
    pub bucket: Option<Bucket>,
    #[serde(default)]
    pub database: bool,
    #[serde(default)]
    pub model: bool,
    #[serde(default)]
    pub warehouse: bool,
}

/// Prefixes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    #[serde(default)]
    pub read: BTreeSet<String>,
    #[serde(default)]
    pub write: BTreeSet<String>,
    #[serde(default)]
    pub delete: BTreeSet<String>,
}

impl Function {
    /// The variables that it reads and no other function has to.
    pub fn own(&self) -> &BTreeSet<String> {
        &self.variables
    }
}

/// Every entry, by name.
///
/// # Panics
/// Where the file is not what it should be.
pub fn functions() -> BTreeMap<String, Function> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/functions.json");
    let text = std::fs::read(path).expect("the catalogue");
    let Catalogue {
        mut functions,
        variables,
    } = serde_json::from_slice(&text).expect("a catalogue without misspelt fields");
    for function in functions.values_mut() {
        let uses = &function.uses;
        let groups = [
            ("every", true),
            ("bucket", uses.bucket.is_some()),
            ("database", uses.database),
            ("model", uses.model),
            ("warehouse", uses.warehouse),
        ];
        assert_eq!(groups.len(), variables.len());
        let used = groups.iter().filter(|(_, is_used)| *is_used);
        let shared = used.flat_map(|(group, _)| &variables[*group]);
        function.reads = shared.chain(&function.variables).cloned().collect();
    }
    functions
}
