//! `infra/functions.json`, by which both clouds deploy, is what the code is: neither has a route, a
//! trigger or a variable that the other lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kit::TestApp;
use platform::{Resources, Router};
use regex::Regex;
use serde_json::{Value, json};

use tests::catalogue::{self, Function};

/// Set by the modules themselves, for the platform that they are of.
const BY_THE_MODULES: [&str; 3] = [
    "AUTH_TRIGGER_ACCOUNT",
    "AUTH_TRIGGER_AUDIENCE",
    "BUCKET_URL",
];
/// For one's own machine, or for a process that runs its schedules by itself.
const NOT_IN_A_CLOUD: [&str; 11] = [
    "AUTH_MODE",
    "AUTH_TRIGGER_ISSUER",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "PORT",
    "PRIVACY_INTERVAL_SECONDS",
    "ROLL_UP_INTERVAL_SECONDS",
    "STATS_INTERVAL_SECONDS",
    "SYNC_INTERVAL_SECONDS",
    "TMPDIR",
];

type App = fn(&Resources) -> anyhow::Result<Router>;

/// Every function that can be deployed.
const APPS: [(&str, App); 7] = [
    ("cache-read", cache_read::app),
    ("message-log", message_log::app),
    ("metasync", metasync::app),
    ("privacy", privacy::app),
    ("schema-sync", schema_sync::app),
    ("settings", settings::app),
    ("stats-batch", stats_batch::app),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect("a file of ours")
}

/// `<METHOD> <path>` of everything that a function's own document lists.
async fn routes(name: &'static str, app: App) -> BTreeSet<String> {
    let app = TestApp::with_env(platform::Env::default())
        .set("WAREHOUSE_URL", "file:///")
        .set("DATABASE_URL", "postgres://nobody@localhost/nothing")
        .set("MASKING_KEY", "0".repeat(64))
        .set("PRIVACY_KEY", "0".repeat(64))
        .named(name)
        .start(app)
        .await;
    let document = app.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().expect("paths");
    let mut routes = BTreeSet::new();
    for (path, methods) in paths {
        for method in methods.as_object().expect("methods").keys() {
            routes.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    routes
}

#[test]
fn the_catalogue_has_one_entry_a_folder_of_functions() {
    let folders = std::fs::read_dir(root().join("functions")).expect("functions");
    let folders = folders.map(|it| {
        it.expect("an entry")
            .file_name()
            .into_string()
            .expect("UTF-8")
    });
    let folders: BTreeSet<String> = folders.collect();
    let entries: BTreeSet<String> = catalogue::functions().into_keys().collect();
    assert_eq!(entries, folders);
    let here: BTreeSet<String> = APPS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(here, folders);
}

#[tokio::test]
async fn the_routes_and_triggers_of_the_catalogue_are_those_of_the_code() {
    let catalogue = catalogue::functions();
    for (name, app) in APPS {
        let entry = &catalogue[name];
        let (events, public): (BTreeSet<_>, BTreeSet<_>) = routes(name, app)
            .await
            .into_iter()
            .partition(|route| route.contains(" /events/"));
        assert_eq!(entry.routes, public, "{name}");

        let own = format!("POST /events/{name}");
        let triggered = !entry.schedules.is_empty() || entry.queue.is_some();
        assert_eq!(triggered, events.contains(&own), "{name}");
        if name != "metasync" {
            assert!(
                events.iter().all(|event| *event == own),
                "{name}: {events:?}"
            );
        }
    }
}

/// The routes that somebody may call without a token: the gateway's JWTs are not for them.
#[test]
fn what_is_signed_is_slacks_route_and_the_links_of_exports() {
    let slack = format!("POST {}", message_log::slack::ROUTE);
    let signed = BTreeSet::from([slack, "GET /v1/exports/download".to_owned()]);
    for (name, entry) in catalogue::functions() {
        let expected: BTreeSet<_> = entry.routes.intersection(&signed).cloned().collect();
        assert_eq!(entry.signed_routes, expected, "{name}");
    }
}

#[test]
fn schedules_can_be_kept_by_both_clouds() {
    let time_of_day = Regex::new("^([01][0-9]|2[0-3]):[0-5][0-9]$").expect("a pattern");
    for (name, entry) in catalogue::functions() {
        for (schedule, when) in &entry.schedules {
            let is_kept = match (when.every_minutes, when.daily_at.as_deref()) {
                (Some(minutes), None) => (1..=60).contains(&minutes) && 60 % minutes == 0,
                (None, Some(at)) => time_of_day.is_match(at),
                _ => false,
            };
            assert!(is_kept, "{name}: {schedule}");
            assert!(when.input.is_object(), "{name}: {schedule}");
        }
    }
}

/// The one function in place of the others does all that they do, and has rights to no more.
#[test]
fn metasync_is_all_the_others_together() {
    let mut catalogue = catalogue::functions();
    let whole = catalogue.remove("metasync").expect("an entry");
    let union = |of: fn(&Function) -> BTreeSet<String>| -> BTreeSet<String> {
        catalogue.values().flat_map(of).collect()
    };
    assert_eq!(whole.routes, union(|it| it.routes.clone()));
    assert_eq!(whole.reads, union(|it| it.reads.clone()));
    let prefixes = |it: &Function| {
        let bucket = it.uses.bucket.as_ref();
        let kinds = bucket.map(|it| {
            [
                ("read", &it.read),
                ("write", &it.write),
                ("delete", &it.delete),
            ]
        });
        let pairs = kinds.into_iter().flatten();
        let pairs = pairs.flat_map(|(kind, all)| all.iter().map(move |it| format!("{kind} {it}")));
        pairs.collect::<BTreeSet<String>>()
    };
    assert_eq!(prefixes(&whole), union(prefixes));
    let uses = |of: fn(&Function) -> bool| catalogue.values().any(of);
    assert_eq!(whole.uses.database, uses(|it| it.uses.database));
    assert_eq!(whole.uses.model, uses(|it| it.uses.model));
    assert_eq!(whole.uses.warehouse, uses(|it| it.uses.warehouse));
    assert_eq!(whole.queue.is_some(), uses(|it| it.queue.is_some()));
    let longest = catalogue.values().map(|it| it.timeout_seconds).max();
    assert_eq!(Some(whole.timeout_seconds), longest);

    // Each schedule at the same times, and its input says whose it is.
    let when = |it: &catalogue::Schedule, input: Value| {
        (it.every_minutes, it.daily_at.clone(), input.to_string())
    };
    let is: BTreeSet<_> = whole
        .schedules
        .values()
        .map(|it| when(it, it.input.clone()))
        .collect();
    let mut expected = BTreeSet::new();
    for (name, entry) in &catalogue {
        for schedule in entry.schedules.values() {
            let mut input = schedule.input.clone();
            input["function"] = json!(name);
            expected.insert(when(schedule, input));
        }
    }
    assert_eq!(is, expected);
}

/// The variables in the first columns of the tables in docs/configuration.md.
fn documented() -> BTreeSet<String> {
    let page = text("docs/configuration.md");
    let name = Regex::new("`([A-Z][A-Z0-9_]+)`").expect("a pattern");
    let mut names = BTreeSet::new();
    for table in page.split("| variable | default | meaning |").skip(1) {
        let (table, _) = table.split_once("\n\n").expect("its end");
        for row in table.lines() {
            let cell = row.split('|').nth(1).unwrap_or_default();
            names.extend(name.captures_iter(cell).map(|it| it[1].to_owned()));
        }
    }
    names
}

#[test]
fn the_catalogue_has_the_variables_of_the_documentation() {
    let elsewhere = BY_THE_MODULES.iter().chain(&NOT_IN_A_CLOUD);
    let elsewhere: BTreeSet<String> = elsewhere.map(|it| (*it).to_owned()).collect();
    let known: BTreeSet<String> = catalogue::functions()
        .into_values()
        .flat_map(|it| it.reads)
        .collect();
    assert_eq!(known.intersection(&elsewhere).count(), 0);
    let all: BTreeSet<String> = known.union(&elsewhere).cloned().collect();
    assert_eq!(all, documented());
}

/// The names in quotes below a folder of sources.
fn quoted(folder: &Path, names: &mut BTreeSet<String>) {
    let name = Regex::new("\"([A-Z][A-Z0-9]*_[A-Z0-9_]+)\"").expect("a pattern");
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            quoted(&path, names);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let source = std::fs::read_to_string(&path).expect("a source");
            names.extend(name.captures_iter(&source).map(|it| it[1].to_owned()));
        }
    }
}

#[test]
fn a_function_has_the_variables_that_its_source_reads() {
    let documented = documented();
    let known = catalogue::functions();
    let mut by_function = BTreeMap::new();
    for name in known.keys().filter(|name| *name != "metasync") {
        let mut names = BTreeSet::new();
        quoted(&root().join("functions").join(name).join("src"), &mut names);
        by_function.insert(name, names);
    }
    for (name, quoted) in by_function {
        let elsewhere = BY_THE_MODULES.iter().chain(&NOT_IN_A_CLOUD);
        let elsewhere: BTreeSet<&str> = elsewhere.copied().collect();
        let read = quoted.intersection(&documented);
        let read: BTreeSet<_> = read.filter(|it| !elsewhere.contains(it.as_str())).collect();
        let missing: Vec<_> = read
            .iter()
            .filter(|it| !known[name].reads.contains(**it))
            .collect();
        assert!(missing.is_empty(), "{name} reads {missing:?}");
        let unread: Vec<_> = known[name]
            .own()
            .iter()
            .filter(|it| !quoted.contains(*it))
            .collect();
        assert!(unread.is_empty(), "{name} never reads {unread:?}");
    }
}

/// Google's objects have rights of their own; `tests/peers/calls.rs` has what the functions ask for.
#[test]
fn googles_roles_hold_what_the_catalogues_words_need_and_nothing_else() {
    let role = Regex::new(r#"(\w+)\s+= \{ title = "[^"]+", permissions = \[([^\]]+)\] \}"#);
    let role = role.expect("a pattern");
    let terraform = text("infra/modules/gcp/accounts.tf");
    let roles: BTreeMap<&str, BTreeSet<&str>> = role
        .captures_iter(&terraform)
        .map(|it| it.extract::<2>().1)
        .map(|[role, rights]| {
            (
                role,
                rights.split(", ").map(|it| it.trim_matches('"')).collect(),
            )
        })
        .collect();
    let expected = [
        ("read", vec!["storage.objects.get"]),
        // What is written over is deleted.
        (
            "write",
            vec!["storage.objects.create", "storage.objects.delete"],
        ),
        ("list", vec!["storage.objects.list"]),
    ];
    let expected = expected.map(|(role, rights)| (role, rights.into_iter().collect()));
    assert_eq!(roles, expected.into());

    // Who may delete is given the role that writes.
    for (name, function) in catalogue::functions() {
        let Some(bucket) = function.uses.bucket else {
            continue;
        };
        assert!(bucket.delete.is_subset(&bucket.write), "{name}");
    }
}

#[test]
fn the_outputs_that_the_documentation_asks_terraform_for_are_there() {
    let asked = Regex::new(r"-chdir=infra/(aws|gcp) output (?:-\w+ )?(\w+)").expect("a pattern");
    let readmes = text("docs/deployment.md") + &text("infra/README.md");
    let asked: BTreeSet<[&str; 2]> = asked
        .captures_iter(&readmes)
        .map(|it| it.extract::<2>().1)
        .collect();
    for cloud in ["aws", "gcp"] {
        assert!(asked.contains(&[cloud, "next_steps"]), "{asked:?}");
    }
    for [cloud, output] in asked {
        let outputs = text(&format!("infra/{cloud}/outputs.tf"));
        assert!(
            outputs.contains(&format!("output \"{output}\" {{")),
            "{cloud}: {output}"
        );
    }
}
