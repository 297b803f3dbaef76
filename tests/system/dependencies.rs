//! What may come into a build: licences, crates that would bring a second TLS stack, sources.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::LazyLock;

use spdx::{Expression, LicenseReq};

const LICENCES: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Zlib",
];

const BANNED: [(&str, &str); 5] = [
    ("native-tls", "one TLS stack: rustls"),
    ("openssl", "one TLS stack: rustls"),
    ("openssl-sys", "one TLS stack: rustls"),
    ("ring", "one crypto provider: aws-lc-rs"),
    ("sqlx", "one Postgres client: tokio-postgres"),
];

/// Crates of which a second version would be a second stack in the binary.
const ONCE: [&str; 8] = [
    "aws-lc-rs",
    "axum",
    "h2",
    "http",
    "hyper",
    "reqwest",
    "rustls",
    "tokio",
];

/// How cargo marks a package whose line came before.
const LISTED_BEFORE: &str = " (*)";

#[derive(Clone)]
struct Package {
    name: String,
    version: String,
    /// A folder or a git address; empty where it comes from the registry.
    place: String,
    licence: String,
}

/// The packages that a build for this machine compiles, with the features that it really has.
fn packages() -> Vec<Package> {
    static PACKAGES: LazyLock<Vec<Package>> = LazyLock::new(list);
    PACKAGES.clone()
}

fn list() -> Vec<Package> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args([
            "tree",
            "--workspace",
            "--locked",
            "--offline",
            "--edges=normal,build,dev",
        ])
        .args(["--prefix=none", "--format={p}|{l}"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs, since it runs this test");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.ends_with(LISTED_BEFORE))
        .collect();
    assert!(lines.len() > 100, "cargo tree lists the whole workspace");
    lines.into_iter().map(Package::parse).collect()
}

impl Package {
    fn is_ours(&self) -> bool {
        self.place.starts_with("(/")
    }

    /// `name v1.2.3 (place)|licence`; a procedural macro has `(proc-macro)` between.
    fn parse(line: &str) -> Self {
        let (package, licence) = line.split_once('|').unwrap();
        let package = package.replace(" (proc-macro)", "");
        let mut parts = package.splitn(3, ' ');
        let mut next = || parts.next().unwrap_or_default().to_owned();
        let (name, version, place) = (next(), next(), next());
        Self {
            name,
            version,
            place,
            licence: licence.to_owned(),
        }
    }
}

#[test]
fn every_licence_is_one_we_accept() {
    let accepted = |request: &LicenseReq| LICENCES.contains(&request.to_string().as_str());
    let refused: Vec<String> = packages()
        .into_iter()
        .filter(|package| !package.is_ours())
        .filter(|package| {
            !Expression::parse_mode(&package.licence, spdx::ParseMode::LAX)
                .is_ok_and(|expression| expression.evaluate(accepted))
        })
        .map(|package| format!("{} ({})", package.name, package.licence))
        .collect();
    assert_eq!(refused, Vec::<String>::new());
}

#[test]
fn no_banned_crate_comes_in() {
    let packages = packages();
    let names: BTreeSet<&str> = packages.iter().map(|it| it.name.as_str()).collect();
    let found: Vec<_> = BANNED
        .iter()
        .filter(|(banned, _)| names.contains(banned))
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn there_is_one_version_of_each_stack() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages() {
        versions
            .entry(package.name)
            .or_default()
            .insert(package.version);
    }
    let twice: Vec<_> = ONCE.iter().filter(|it| versions[**it].len() != 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn every_crate_comes_from_the_registry_or_from_here() {
    let strangers: Vec<String> = packages()
        .into_iter()
        .filter(|it| it.place.contains("://"))
        .map(|it| format!("{} {}", it.name, it.place))
        .collect();
    assert_eq!(strangers, Vec::<String>::new());
}
