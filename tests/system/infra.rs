//! The catalogue in `infra/`, which both clouds deploy, matches the code: neither has a route, a trigger,
//! a queue or a variable that the other lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kit::TestApp;
use metasync::functions::FUNCTIONS;
use regex::Regex;
use serde_json::Value;

use tests::catalogue;
use tests::{App, apps};

/// Set by the Terraform modules.
const BY_THE_MODULES: [&str; 3] = [
    "AUTH_TRIGGER_ACCOUNT",
    "AUTH_TRIGGER_AUDIENCE",
    "BUCKET_URL",
];
/// For local use, or for a process outside the clouds.
const NOT_IN_A_CLOUD: [&str; 7] = [
    "AUTH_MODE",
    "AUTH_TRIGGER_ISSUER",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "PORT",
    "TMPDIR",
];

/// Read by a function where others need it, in `metasync`.
const IN_METASYNC: [(&str, &str); 1] = [("cache-read", "DATABASE_URL")];

/// The variables that the catalogue leaves out, with the intervals of the schedules that only
/// `metasync serve` runs.
fn not_in_the_catalogue() -> BTreeSet<String> {
    let triggers = FUNCTIONS.iter().filter_map(|function| function.trigger);
    let schedules = triggers.flat_map(|trigger| trigger.schedules);
    let fixed = BY_THE_MODULES.iter().chain(&NOT_IN_A_CLOUD).copied();
    let all = fixed.chain(schedules.map(|schedule| schedule.variable));
    all.map(str::to_owned).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect("a file of the project")
}

/// `<METHOD> <path>` of every route in a function's OpenAPI document, and the route's part of it.
async fn routes(name: &'static str, app: App) -> BTreeMap<String, Value> {
    let app = TestApp::with_env(platform::Env::default())
        .set("WAREHOUSE_URL", "file:///")
        .set("DATABASE_URL", "postgres://nobody@localhost/nothing")
        .set("MASKING_KEY", "0".repeat(64))
        .set("BUCKET_URL", "memory:///")
        .set("METASYNC_KEYS", "0".repeat(64))
        .set("PRIVACY_KEY", "0".repeat(64))
        .named(name)
        .start(app)
        .await;
    let document = app.get("/openapi.json").await.json();
    let paths = document["paths"].as_object().expect("paths");
    let mut routes = BTreeMap::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().expect("methods") {
            let route = format!("{} {path}", method.to_uppercase());
            routes.insert(route, operation.clone());
        }
    }
    routes
}

#[test]
fn every_folder_of_functions_is_in_the_registry_and_in_the_catalogue() {
    let folders = std::fs::read_dir(root().join("functions")).expect("functions");
    let folders: BTreeSet<String> = folders
        .map(|it| it.expect("an entry").file_name().into_string())
        .map(|name| name.expect("UTF-8"))
        .collect();
    let entries: BTreeSet<String> = catalogue::functions().into_keys().collect();
    assert_eq!(entries, folders);
    let registered: BTreeSet<String> = apps().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(registered, folders);
}

#[tokio::test]
async fn the_routes_and_triggers_of_the_catalogue_are_those_of_the_code() {
    let catalogue = catalogue::functions();
    for (name, app) in apps() {
        let entry = &catalogue[name];
        let (events, public): (BTreeSet<_>, BTreeSet<_>) = routes(name, app)
            .await
            .into_keys()
            .partition(|route| route.contains(" /events/"));
        assert_eq!(entry.routes, public, "{name}");

        let own = format!("POST /events/{name}");
        let is_triggered = !entry.schedules.is_empty() || !entry.queues.is_empty();
        assert_eq!(is_triggered, events.contains(&own), "{name}");
        if name != "metasync" {
            assert!(
                events.iter().all(|event| *event == own),
                "{name}: {events:?}"
            );
        }
    }
}

#[test]
fn the_triggers_queues_schedules_and_database_of_the_registry_are_those_of_the_catalogue() {
    let catalogue = catalogue::functions();
    for function in FUNCTIONS {
        let (name, entry) = (function.name, &catalogue[function.name]);
        assert_eq!(function.needs_database(), entry.uses.database, "{name}");
        let queue = function.trigger.and_then(|trigger| trigger.queue);
        assert_eq!(queue.is_some(), !entry.queues.is_empty(), "{name}");
        let schedules = function
            .trigger
            .map_or(&[][..], |trigger| trigger.schedules);
        assert_eq!(schedules.len(), entry.schedules.len(), "{name}");
    }
}

/// The gateway asks for no JWT on these routes.
#[test]
fn the_signed_routes_are_that_of_slack_and_the_links_of_exports() {
    let slack = format!("POST {}", message_log::slack::ROUTE);
    let signed = BTreeSet::from([slack, "GET /v1/exports/download".to_owned()]);
    for (name, entry) in catalogue::functions() {
        let expected: BTreeSet<_> = entry.routes.intersection(&signed).cloned().collect();
        assert_eq!(entry.signed_routes, expected, "{name}");
    }
}

/// Nor on these.
#[tokio::test]
async fn the_routes_with_a_cookie_and_those_that_need_no_caller_are_those_of_the_documents() {
    let catalogue = catalogue::functions();
    for (name, app) in apps() {
        let routes = routes(name, app).await;
        let with = |accepts: fn(&[Value]) -> bool| -> BTreeSet<String> {
            let accepting = routes.iter().filter(|(_, operation)| {
                let schemes = operation["security"].as_array();
                schemes.is_some_and(|schemes| accepts(schemes))
            });
            accepting.map(|(route, _)| route.clone()).collect()
        };
        let cookie = with(|schemes| schemes.iter().any(|it| it.get("cookie").is_some()));
        let open = with(<[Value]>::is_empty);
        assert_eq!(catalogue[name].cookie_routes, cookie, "{name}");
        assert_eq!(catalogue[name].open_routes, open, "{name}");
    }
    assert!(!catalogue["metasync"].cookie_routes.is_empty());
}

/// As rules of a load balancer, which don't know methods: the path, without the names of its parameters.
fn rules(function: &catalogue::Function) -> BTreeSet<String> {
    let parameter = Regex::new(r"\{[^}]+\}").expect("a pattern");
    let paths = function.routes.iter().map(|route| {
        let (_, path) = route.split_once(' ').expect("a method and a path");
        parameter.replace_all(path, "*").into_owned()
    });
    paths.collect()
}

#[test]
fn a_path_leads_to_one_function_so_that_a_load_balancer_can_tell_them_apart() {
    let mut catalogue = catalogue::functions();
    catalogue.remove("metasync");
    let rules: Vec<(&str, String)> = catalogue
        .iter()
        .flat_map(|(name, function)| {
            rules(function)
                .into_iter()
                .map(move |it| (name.as_str(), it))
        })
        .collect();
    let overlap = |one: &str, other: &str| {
        let (one, other): (Vec<_>, Vec<_>) = (one.split('/').collect(), other.split('/').collect());
        one.len() == other.len()
            && one
                .iter()
                .zip(&other)
                .all(|(a, b)| a == b || *a == "*" || *b == "*")
    };
    for (number, (name, rule)) in rules.iter().enumerate() {
        for (other, its) in &rules[..number] {
            assert!(
                name == other || !overlap(rule, its),
                "{name}: {rule}, {other}: {its}"
            );
        }
    }
    // Cloud Load Balancing accepts so many in one list.
    assert!(rules.len() <= 200, "{}", rules.len());
}

#[test]
fn both_clouds_can_express_the_schedules() {
    let time_of_day = Regex::new("^([01][0-9]|2[0-3]):[0-5][0-9]$").expect("a pattern");
    for (name, entry) in catalogue::functions() {
        for (schedule, when) in &entry.schedules {
            let is_valid = match (when.every_minutes, when.daily_at.as_deref()) {
                (Some(minutes), None) => (1..=60).contains(&minutes) && 60 % minutes == 0,
                (None, Some(at)) => time_of_day.is_match(at),
                _ => false,
            };
            assert!(is_valid, "{name}: {schedule}");
        }
    }
}

#[test]
fn metasync_may_take_as_long_as_the_slowest_function() {
    let mut catalogue = catalogue::functions();
    let metasync = catalogue.remove("metasync").expect("an entry");
    let longest = catalogue.values().map(|it| it.timeout_seconds).max();
    assert_eq!(Some(metasync.timeout_seconds), longest);
}

#[test]
fn a_recount_of_stats_after_a_restore_has_as_long_on_both_clouds_as_its_code_allows() {
    let timeout = catalogue::functions()["stats-batch"].timeout_seconds;
    let longest = stats_batch::roll_up::LONGEST_RUN.as_secs();
    assert!(u64::from(timeout) >= longest, "{timeout} s");
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
    let elsewhere = not_in_the_catalogue();
    let known: BTreeSet<String> = catalogue::functions()
        .into_values()
        .flat_map(|it| it.reads)
        .collect();
    assert_eq!(known.intersection(&elsewhere).count(), 0);
    let all: BTreeSet<String> = known.union(&elsewhere).cloned().collect();
    assert_eq!(all, documented());
}

/// Adds the names of variables that are in quotes in the sources of a folder.
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
    let elsewhere = not_in_the_catalogue();
    for (name, quoted) in by_function {
        // Also those that it reads through a crate of people.
        let mut shared = BTreeSet::new();
        if text(&format!("functions/{name}/Cargo.toml")).contains("\npeople.workspace") {
            self::quoted(&root().join("shared/people/src"), &mut shared);
        }
        let read = quoted.intersection(&documented);
        let read: BTreeSet<_> = read.filter(|it| !elsewhere.contains(*it)).collect();
        let missing: Vec<_> = read
            .iter()
            .filter(|it| !known[name].reads.contains(**it))
            .filter(|it| !IN_METASYNC.contains(&(name, it.as_str())))
            .collect();
        assert!(missing.is_empty(), "{name} reads {missing:?}");
        let unread: Vec<_> = known[name]
            .variables
            .iter()
            .filter(|it| !quoted.contains(*it) && !shared.contains(*it))
            .collect();
        assert!(unread.is_empty(), "{name} never reads {unread:?}");
    }
}

/// `tests/peers/calls.rs` compares the rights with the calls that the functions make.
#[test]
fn the_roles_on_google_cloud_have_exactly_the_permissions_of_the_catalogues_rights() {
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
        // Overwriting an object deletes it.
        (
            "write",
            vec!["storage.objects.create", "storage.objects.delete"],
        ),
        ("list", vec!["storage.objects.list"]),
    ];
    let expected = expected.map(|(role, rights)| (role, rights.into_iter().collect()));
    assert_eq!(roles, expected.into());

    // The role that writes also deletes.
    for (name, function) in catalogue::functions() {
        let bucket = function.uses.bucket;
        assert!(bucket.delete.is_subset(&bucket.write), "{name}");
    }
}

#[test]
fn the_outputs_that_the_documentation_mentions_exist() {
    let asked = Regex::new(r"-chdir=infra/(aws|gcp) output (?:-\w+ )?(\w+)").expect("a pattern");
    let pages = text("docs/deployment.md") + &text("infra/README.md");
    let asked: BTreeSet<[&str; 2]> = asked
        .captures_iter(&pages)
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

/// The variables of a folder of Terraform: the lines of each block that a root module repeats.
fn terraform_variables(folder: &str) -> BTreeMap<String, Vec<String>> {
    let text = text(&format!("infra/{folder}/variables.tf"));
    let block = Regex::new(r#"(?ms)^variable "(\w+)" \{\n(.*?)^\}"#).unwrap();
    let blocks = block.captures_iter(&text).map(|captures| {
        let repeated = captures[2].lines().filter_map(|line| {
            let (name, value) = line.strip_prefix("  ")?.split_once('=')?;
            let name = name.trim_end();
            ["description", "type", "default"]
                .contains(&name)
                .then(|| format!("{name} = {}", value.trim()))
        });
        (captures[1].to_owned(), repeated.collect())
    });
    blocks.collect()
}

#[test]
fn the_root_modules_pass_every_variable_of_their_module() {
    let argument = Regex::new(r"(?m)^  (\w+) += var\.(\w+)$").unwrap();
    for (cloud, own) in [("aws", vec!["region"]), ("gcp", vec![])] {
        let module = terraform_variables(&format!("modules/{cloud}"));
        let root = terraform_variables(cloud);
        let main = text(&format!("infra/{cloud}/main.tf"));
        let passed: BTreeSet<String> = argument
            .captures_iter(&main)
            .filter(|captures| captures[1] == captures[2])
            .map(|captures| captures[1].to_owned())
            .collect();
        assert!(module.len() > 10, "{cloud}: {module:?}");
        for (name, lines) in &module {
            assert!(
                passed.contains(name),
                "infra/{cloud}/main.tf doesn't pass {name}"
            );
            let missing: Vec<_> = lines
                .iter()
                .filter(|line| !root[name].contains(line))
                .collect();
            assert_eq!(missing, Vec::<&String>::new(), "{cloud}: {name}");
        }
        let only_root: Vec<_> = root
            .keys()
            .filter(|name| !module.contains_key(*name))
            .collect();
        assert_eq!(only_root, own, "{cloud}");
    }
}

/// The blocks of a module's `variables.tf`, without their descriptions.
fn variable_blocks(cloud: &str) -> BTreeMap<String, String> {
    let text = text(&format!("infra/modules/{cloud}/variables.tf"));
    let block = Regex::new(r#"(?ms)^variable "(\w+)" \{\n(.*?)^\}"#).unwrap();
    let blocks = block.captures_iter(&text).map(|captures| {
        let lines = captures[2].lines();
        let lines = lines.filter(|line| !line.trim_start().starts_with("description "));
        let body: Vec<&str> = lines.collect();
        (captures[1].to_owned(), body.join("\n"))
    });
    blocks.collect()
}

#[test]
fn both_modules_check_a_variable_of_both_clouds_alike() {
    let (aws, gcp) = (variable_blocks("aws"), variable_blocks("gcp"));
    // A name has another limit on Google Cloud, and a database other classes and sizes.
    // The certificate of a domain is made elsewhere on AWS, and by its module on Google Cloud.
    let differ = ["database", "domain", "name"];
    let mut compared = 0;
    for (name, block) in &aws {
        if let Some(other) = gcp.get(name)
            && !differ.contains(&name.as_str())
        {
            assert_eq!(block, other, "{name}");
            compared += 1;
        }
    }
    assert!(compared >= 6, "{compared}");
    let validation = Regex::new(r"(?ms)^  validation \{\n.*?^  \}").unwrap();
    let validations = |block: &str| -> BTreeSet<String> {
        let found = validation.find_iter(block).map(|it| it.as_str().to_owned());
        let common = found.filter(|it| {
            let own = [
                "unknown key",
                "class",
                "tier",
                "storage_gb must",
                "operator_cidrs",
            ];
            !own.iter().any(|word| it.contains(word))
        });
        common.collect()
    };
    let database = validations(&aws["database"]);
    assert!(database.len() >= 3, "{database:?}");
    assert_eq!(database, validations(&gcp["database"]));
}

/// The name of another deployment may begin with that of this one.
#[test]
fn an_alarm_on_google_cloud_names_each_of_its_resources_whole() {
    let alarms = text("infra/modules/gcp/alarms.tf");
    let filters: Vec<_> = alarms
        .lines()
        .filter(|line| line.trim_start().starts_with("filter "))
        .collect();
    assert!(filters.len() >= 3, "{filters:?}");
    for filter in filters {
        assert!(
            !filter.contains("=~") && filter.contains("labels."),
            "{filter}"
        );
    }
    assert!(alarms.contains("for name in keys(local.schedules)"));
}

/// The pages of alarms that the modules name, with the cloud in front.
#[test]
fn each_alarm_names_its_page_and_each_page_is_linked() {
    let mut named = BTreeSet::new();
    let page = Regex::new(r"What to do: docs/alarms/([a-z-]+\.md)").expect("a pattern");
    for (cloud, begin) in [("aws", "description = \""), ("gcp", "content = \"")] {
        let alarms = text(&format!("infra/modules/{cloud}/alarms.tf"));
        let descriptions: Vec<&str> = alarms
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with(begin))
            .collect();
        assert!(descriptions.len() >= 3, "{descriptions:?}");
        for description in descriptions {
            let page = page.captures(description);
            let page = page.unwrap_or_else(|| panic!("{description} names no page"))[1].to_owned();
            assert!(page.starts_with(cloud), "{description}");
            named.insert(page);
        }
    }
    let folder = std::fs::read_dir(root().join("docs/alarms")).expect("the pages");
    let pages = folder.map(|it| {
        it.expect("a page")
            .file_name()
            .into_string()
            .expect("UTF-8")
    });
    let pages: BTreeSet<String> = pages.collect();
    assert_eq!(named, pages);
    let (operations, summary) = (text("docs/operations.md"), text("docs/SUMMARY.md"));
    for page in &pages {
        let link = format!("(alarms/{page})");
        assert!(
            operations.contains(&link) && summary.contains(&link),
            "{page}"
        );
        let text = text(&format!("docs/alarms/{page}"));
        for part in [
            "What it means",
            "Find the cause",
            "What to run",
            "How it clears",
        ] {
            assert!(
                text.contains(&format!("\n## {part}\n")),
                "{page} has no {part}"
            );
        }
    }
}
