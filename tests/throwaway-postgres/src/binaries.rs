//! Finds the installed Postgres binaries.

use std::path::{Path, PathBuf};
use std::process::Command;

use platform::Env;

/// The oldest supported major version.
const OLDEST: u32 = 15;

/// The folders of distributions that are not in `PATH`. `*` matches any name.
pub const SYSTEM: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// Finds the folder with `initdb` and `postgres`, version 15 or later: first in `PATH`, then the folder that
/// `pg_config` reports, then the latest version in `folders`.
pub fn find(env: &Env, folders: &[&str]) -> Option<PathBuf> {
    let path: Vec<PathBuf> = std::env::split_paths(env.get("PATH").unwrap_or_default()).collect();
    let configured = path
        .iter()
        .filter_map(|folder| output_of(&folder.join("pg_config"), "--bindir"))
        .map(PathBuf::from);
    let mut known: Vec<PathBuf> = folders.iter().flat_map(|pattern| expand(pattern)).collect();
    known.sort_by_key(|folder| std::cmp::Reverse(major_version(folder)));
    path.iter()
        .cloned()
        .chain(configured)
        .chain(known)
        .find(|folder| {
            folder.join("initdb").is_file()
                && major_version(folder).is_some_and(|major| major >= OLDEST)
        })
}

fn major_version(folder: &Path) -> Option<u32> {
    // `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, `18beta1`
    let output = output_of(&folder.join("postgres"), "--version")?;
    let version = output.split("(PostgreSQL) ").nth(1)?;
    let digits = version.find(|c: char| !c.is_ascii_digit());
    version[..digits.unwrap_or(version.len())].parse().ok()
}

fn output_of(program: &Path, argument: &str) -> Option<String> {
    if !program.is_file() {
        return None;
    }
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The folders that match a pattern with at most one `*`.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let Some((parent, start)) = before.rsplit_once('/') else {
        return Vec::new();
    };
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(start))
        .map(|name| PathBuf::from(format!("{parent}/{name}{after}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    /// Writes a script that prints `output`. It is written by another process: a child process that another
    /// test starts meanwhile would inherit the open file, and running it would fail ("text file busy").
    fn script(file: &Path, output: &str) {
        let write = r#"printf '#!/bin/sh\necho "%s"\n' "$1" >"$0" && chmod 755 "$0""#;
        let mut shell = Command::new("sh");
        let status = shell.arg("-c").arg(write).arg(file).arg(output).status();
        assert!(status.unwrap().success());
    }

    fn install(folder: &Path, version: &str) {
        fs::create_dir_all(folder).unwrap();
        for program in ["initdb", "postgres"] {
            let output = format!("postgres (PostgreSQL) {version}");
            script(&folder.join(program), &output);
        }
    }

    #[test]
    fn the_latest_version_from_15_on_in_the_known_folders_is_used() {
        let root = tempfile::tempdir().unwrap();
        let pattern = format!("{}/postgresql/*/bin", root.path().display());
        let folder = |name: &str| root.path().join("postgresql").join(name).join("bin");

        install(&folder("14"), "14.20");
        assert_eq!(find(&Env::default(), &[&pattern]), None);
        install(&folder("9.6"), "16.4 (Debian 16.4-1)");
        install(&folder("devel"), "19devel");
        assert_eq!(find(&Env::default(), &[&pattern]), Some(folder("devel")));
    }

    #[test]
    fn an_old_version_in_the_path_is_skipped() {
        let root = tempfile::tempdir().unwrap();
        let (old, new) = (root.path().join("old"), root.path().join("new"));
        install(&old, "13.1");
        install(&new, "15.0");
        let path = std::env::join_paths([&old, &new]).unwrap();
        let env = Env::default().with("PATH", path.into_string().unwrap());
        assert_eq!(find(&env, &[]), Some(new));
    }

    #[test]
    fn pg_config_finds_binaries_outside_the_path() {
        let root = tempfile::tempdir().unwrap();
        let hidden = root.path().join("hidden");
        install(&hidden, "15.3");
        script(&root.path().join("pg_config"), hidden.to_str().unwrap());
        let env = Env::default().with("PATH", root.path().to_str().unwrap());
        assert_eq!(find(&env, &[]), Some(hidden));
    }
}
