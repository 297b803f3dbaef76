//! Simulated faults of a server.

use std::fs;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

use crate::{Server, run_server};

impl Server {
    /// Crashes the server and restarts it, which recovers the committed data. Blocks.
    pub fn crash(&mut self) -> anyhow::Result<()> {
        kill_process(self.postmaster()?, Signal::QUIT)?;
        // `wait` would close the pipe, and then the supervisor would remove the folder.
        self.former_pipes.extend(self.supervisor.stdin.take());
        self.supervisor.wait()?;
        // The old file would report that the new server is ready.
        let _ = fs::remove_file(self.folder.join("data/postmaster.pid"));
        self.supervisor = run_server(&self.binaries, &self.folder, self.user, &self.settings)?;
        self.wait_until_ready()
    }

    /// Stops all processes of the server: it accepts requests and never responds.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal_all(Signal::STOP)
    }

    /// Continues after [`Server::freeze`].
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.signal_all(Signal::CONT)
    }

    fn signal_all(&self, signal: Signal) -> anyhow::Result<()> {
        let postmaster = self.postmaster()?;
        // The postmaster first, so that it starts no further processes.
        kill_process(postmaster, signal)?;
        for process in fs::read_dir("/proc")? {
            let name = process?.file_name();
            let process = name.to_str().and_then(|name| name.parse().ok());
            let Some(process) = process.and_then(Pid::from_raw) else {
                continue;
            };
            if parent(process) == Some(postmaster) {
                // The process may have ended.
                let _ = kill_process(process, signal);
            }
        }
        Ok(())
    }

    fn postmaster(&self) -> anyhow::Result<Pid> {
        let file = fs::read_to_string(self.folder.join("data/postmaster.pid"))?;
        let id = file.lines().next().unwrap_or_default().trim().parse().ok();
        id.and_then(Pid::from_raw)
            .context("postmaster.pid names no process")
    }
}

/// Parses `/proc/<pid>/stat`: `pid (name) state parent ..`, where the name may contain anything.
fn parent(process: Pid) -> Option<Pid> {
    let id = process.as_raw_nonzero();
    let status = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, rest) = status.rsplit_once(')')?;
    Pid::from_raw(rest.split_whitespace().nth(1)?.parse().ok()?)
}
