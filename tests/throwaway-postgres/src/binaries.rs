//! Where Postgres is installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use platform::Env;

const OLDEST: u32 = 15;

/// Where distributions put binaries that they keep out of `PATH`; `*` stands for any name.
pub const SYSTEM: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// The folder with `initdb` and `postgres`, version 15 or later: of `PATH`, of what `pg_config`
/// says, or of `folders`, where the latest version wins.
pub fn find(env: &Env, folders: &[&str]) -> Option<PathBuf> {
    let path: Vec<PathBuf> = std::env::split_paths(env.get("PATH").unwrap_or_default()).collect();
    let configured = path
        .iter()
        .filter_map(|folder| said_by(&folder.join("pg_config"), "--bindir"))
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
    let said = said_by(&folder.join("postgres"), "--version")?;
    let version = said.split("(PostgreSQL) ").nth(1)?;
    let digits = version.find(|c: char| !c.is_ascii_digit());
    version[..digits.unwrap_or(version.len())].parse().ok()
}

fn said_by(program: &Path, argument: &str) -> Option<String> {
    if !program.is_file() {
        return None;
    }
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The folders that a pattern with at most one `*` names.
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

    /// By a process of its own: were the file open for writing here while another test starts a process,
    /// that would hold it open, and it could not be run ("text file busy").
    fn script(file: &Path, says: &str) {
        let write = r#"printf '#!/bin/sh\necho "%s"\n' "$1" >"$0" && chmod 755 "$0""#;
        let mut shell = Command::new("sh");
        let status = shell.arg("-c").arg(write).arg(file).arg(says).status();
        assert!(status.unwrap().success());
    }

    fn install(folder: &Path, version: &str) {
        fs::create_dir_all(folder).unwrap();
        for program in ["initdb", "postgres"] {
            let says = format!("postgres (PostgreSQL) {version}");
            script(&folder.join(program), &says);
        }
    }

    #[test]
    fn the_latest_version_of_the_known_folders_is_taken_and_none_before_15() {
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
    fn the_path_goes_before_the_known_folders_unless_it_is_too_old() {
        let root = tempfile::tempdir().unwrap();
        let (old, new) = (root.path().join("old"), root.path().join("new"));
        install(&old, "13.1");
        install(&new, "15.0");
        let path = std::env::join_paths([&old, &new]).unwrap();
        let env = Env::default().with("PATH", path.into_string().unwrap());
        assert_eq!(find(&env, &[]), Some(new));
    }

    #[test]
    fn pg_config_tells_of_binaries_that_are_not_in_the_path() {
        let root = tempfile::tempdir().unwrap();
        let hidden = root.path().join("hidden");
        install(&hidden, "15.3");
        script(&root.path().join("pg_config"), hidden.to_str().unwrap());
        let env = Env::default().with("PATH", root.path().to_str().unwrap());
        assert_eq!(find(&env, &[]), Some(hidden));
    }
}
