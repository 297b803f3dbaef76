//! What happens to servers, on purpose.

use std::fs;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

use crate::{Server, run_server};

impl Server {
    /// Ends at once and in disorder, and starts anew on what it has committed. Blocks.
    pub fn crash(&mut self) -> anyhow::Result<()> {
        kill_process(self.postmaster()?, Signal::QUIT)?;
        // Waiting would close it, at which the keeper takes the folder away.
        self.pipes_before.extend(self.keeper.stdin.take());
        self.keeper.wait()?;
        // A leftover would say that the next one is ready.
        let _ = fs::remove_file(self.folder.join("data/postmaster.pid"));
        self.keeper = run_server(&self.binaries, &self.folder, self.user, &self.settings)?;
        self.wait_until_ready()
    }

    /// It and all its connections stand still: what is sent is taken and never answered.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal_all(Signal::STOP)
    }

    /// After [`Server::freeze`].
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.signal_all(Signal::CONT)
    }

    fn signal_all(&self, signal: Signal) -> anyhow::Result<()> {
        let postmaster = self.postmaster()?;
        // First it, so that it does not start others meanwhile.
        kill_process(postmaster, signal)?;
        for process in fs::read_dir("/proc")? {
            let name = process?.file_name();
            let process = name.to_str().and_then(|name| name.parse().ok());
            let Some(process) = process.and_then(Pid::from_raw) else {
                continue;
            };
            if parent(process) == Some(postmaster) {
                // It may be gone by now.
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

/// As Linux tells it: `pid (name) state parent ..`, and a name may hold anything.
fn parent(process: Pid) -> Option<Pid> {
    let id = process.as_raw_nonzero();
    let status = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, rest) = status.rsplit_once(')')?;
    Pid::from_raw(rest.split_whitespace().nth(1)?.parse().ok()?)
}
