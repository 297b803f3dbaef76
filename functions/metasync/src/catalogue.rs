//! The catalogue of functions that Terraform deploys: `infra/functions/<name>.json` and
//! `infra/variables.json`, and what follows from them. `metasync doctor` and the tests compare with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../../../infra/functions/", $name, ".json")))),+]
    };
}

/// The file of each function, other than `metasync`.
const FILES: [(&str, &str); 7] = files![
    "cache-read",
    "console",
    "message-log",
    "privacy",
    "schema-sync",
    "settings",
    "stats-batch",
];
const METASYNC: &str = include_str!("../../../infra/functions/metasync.json");
const VARIABLES: &str = include_str!("../../../infra/variables.json");

/// The file of one function. A misspelled field is an error here; Terraform would ignore it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    description: String,
    memory_mb: u32,
    timeout_seconds: u32,
    concurrency: Concurrency,
    routes: BTreeSet<String>,
    #[serde(default)]
    signed_routes: BTreeSet<String>,
    #[serde(default)]
    cookie_routes: BTreeSet<String>,
    #[serde(default)]
    open_routes: BTreeSet<String>,
    #[serde(default)]
    schedules: BTreeMap<String, Schedule>,
    queue: Option<Queue>,
    uses: Uses,
    variables: BTreeSet<String>,
}

/// The file of `metasync`. Everything else about it follows from the other functions.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metasync {
    description: String,
    memory_mb: u32,
    timeout_seconds: u32,
    concurrency: Concurrency,
}

/// A function as it is deployed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Function {
    pub description: String,
    pub memory_mb: u32,
    pub timeout_seconds: u32,
    pub concurrency: Concurrency,
    pub routes: BTreeSet<String>,
    /// Those of its routes whose callers sign their requests.
    pub signed_routes: BTreeSet<String>,
    /// Those that take the cookie of a person who has signed in.
    pub cookie_routes: BTreeSet<String>,
    /// Those that need no caller.
    pub open_routes: BTreeSet<String>,
    pub schedules: BTreeMap<String, Schedule>,
    /// The queues that it consumes, by the function that each belongs to.
    pub queues: BTreeMap<String, Queue>,
    pub uses: Uses,
    /// The variables that no group has.
    pub variables: BTreeSet<String>,
    /// All variables that it reads.
    pub reads: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    pub instances: u32,
    pub requests: u32,
}

/// A run every few minutes, which must divide an hour, or at a time of the day (UTC).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    pub every_minutes: Option<u32>,
    pub daily_at: Option<String>,
    pub input: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    pub batch: u32,
    pub receives: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Uses {
    pub bucket: Bucket,
    pub database: bool,
    pub model: bool,
    pub warehouse: bool,
}

/// Prefixes of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bucket {
    pub read: BTreeSet<String>,
    pub write: BTreeSet<String>,
    pub delete: BTreeSet<String>,
}

impl Schedule {
    /// The expression of EventBridge Scheduler.
    pub fn on_aws(&self) -> String {
        match (self.every_minutes, self.time()) {
            (Some(1), _) => "rate(1 minute)".to_owned(),
            (Some(minutes), _) => format!("rate({minutes} minutes)"),
            (None, (hour, minute)) => format!("cron({minute} {hour} * * ? *)"),
        }
    }

    /// The expression of Cloud Scheduler.
    pub fn on_google_cloud(&self) -> String {
        match (self.every_minutes, self.time()) {
            (Some(60), _) => "0 * * * *".to_owned(),
            (Some(minutes), _) => format!("*/{minutes} * * * *"),
            (None, (hour, minute)) => format!("{minute} {hour} * * *"),
        }
    }

    /// The hour and the minute of a daily run.
    fn time(&self) -> (u32, u32) {
        let time = self.daily_at.as_deref().and_then(|at| at.split_once(':'));
        let (hour, minute) = time.unwrap_or_default();
        let number = |text: &str| text.parse().unwrap_or_default();
        (number(hour), number(minute))
    }
}

impl Bucket {
    pub fn is_used(&self) -> bool {
        *self != Self::default()
    }

    /// The prefixes by the right that they need.
    pub fn rights(&self) -> [(&'static str, &BTreeSet<String>); 3] {
        [
            ("read", &self.read),
            ("write", &self.write),
            ("delete", &self.delete),
        ]
    }
}

impl Function {
    fn new(name: &str, entry: Entry) -> Self {
        let queue = entry.queue.map(|queue| (name.to_owned(), queue));
        Self {
            description: entry.description,
            memory_mb: entry.memory_mb,
            timeout_seconds: entry.timeout_seconds,
            concurrency: entry.concurrency,
            routes: entry.routes,
            signed_routes: entry.signed_routes,
            cookie_routes: entry.cookie_routes,
            open_routes: entry.open_routes,
            schedules: entry.schedules,
            queues: queue.into_iter().collect(),
            uses: entry.uses,
            variables: entry.variables,
            reads: BTreeSet::new(),
        }
    }

    /// `metasync`, which does everything that `functions` do.
    fn metasync(own: Metasync, functions: &BTreeMap<String, Self>) -> Self {
        let mut all = Self {
            description: own.description,
            memory_mb: own.memory_mb,
            timeout_seconds: own.timeout_seconds,
            concurrency: own.concurrency,
            routes: BTreeSet::new(),
            signed_routes: BTreeSet::new(),
            cookie_routes: BTreeSet::new(),
            open_routes: BTreeSet::new(),
            schedules: BTreeMap::new(),
            queues: BTreeMap::new(),
            uses: Uses::default(),
            variables: BTreeSet::new(),
            reads: BTreeSet::new(),
        };
        for (name, function) in functions {
            let function = function.clone();
            all.routes.extend(function.routes);
            all.signed_routes.extend(function.signed_routes);
            all.cookie_routes.extend(function.cookie_routes);
            all.open_routes.extend(function.open_routes);
            for (schedule, mut when) in function.schedules {
                when.input
                    .insert("function".to_owned(), name.clone().into());
                all.schedules.insert(format!("{name}-{schedule}"), when);
            }
            all.queues.extend(function.queues);
            all.uses.bucket.read.extend(function.uses.bucket.read);
            all.uses.bucket.write.extend(function.uses.bucket.write);
            all.uses.bucket.delete.extend(function.uses.bucket.delete);
            all.uses.database |= function.uses.database;
            all.uses.model |= function.uses.model;
            all.uses.warehouse |= function.uses.warehouse;
            all.variables.extend(function.variables);
        }
        all
    }

    /// Sets `reads` by the groups of variables.
    fn read(&mut self, groups: &BTreeMap<String, BTreeSet<String>>) {
        let uses = [
            ("every", true),
            ("bucket", self.uses.bucket.is_used()),
            ("database", self.uses.database),
            ("model", self.uses.model),
            ("warehouse", self.uses.warehouse),
        ];
        assert_eq!(uses.len(), groups.len());
        let used = uses.iter().filter(|(_, is_used)| *is_used);
        let shared = used.flat_map(|(group, _)| &groups[*group]);
        self.reads = shared.chain(&self.variables).cloned().collect();
    }
}

/// Every function by name, `metasync` included.
///
/// # Panics
/// If a file is not valid.
pub fn functions() -> BTreeMap<String, Function> {
    let mut functions: BTreeMap<String, Function> = FILES
        .iter()
        .map(|(name, text)| ((*name).to_owned(), Function::new(name, parse(name, text))))
        .collect();
    let own = parse("metasync", METASYNC);
    let metasync = Function::metasync(own, &functions);
    functions.insert("metasync".to_owned(), metasync);
    let groups = parse("variables", VARIABLES);
    for function in functions.values_mut() {
        function.read(&groups);
    }
    functions
}

fn parse<T: DeserializeOwned>(name: &str, text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}.json: {error}"))
}
