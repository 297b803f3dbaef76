//! Start, stop and faults of a server.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use platform::Env;
use throwaway_postgres::Server;

/// Requests TLS, which a server on a Unix socket declines with `N`.
fn answers(folder: &Path) -> bool {
    let ask = || -> std::io::Result<u8> {
        let mut socket = UnixStream::connect(folder.join(".s.PGSQL.5432"))?;
        socket.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])?;
        let mut answer = [0];
        socket.read_exact(&mut answer)?;
        Ok(answer[0])
    };
    ask().is_ok_and(|answer| answer == b'N')
}

fn wait_until_gone(folder: &Path) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while folder.exists() {
        assert!(
            Instant::now() < deadline,
            "{} is still there",
            folder.display()
        );
        std::thread::yield_now();
    }
}

#[test]
fn a_dropped_server_stops_and_leaves_nothing_behind() {
    let server = Server::start(&Env::from_process()).unwrap();
    let folder = server.folder().to_owned();
    assert!(answers(&folder));
    drop(server);
    assert!(!answers(&folder));
    wait_until_gone(&folder);
}

/// The next test runs this in another process.
#[test]
#[ignore = "waits to be killed"]
fn starter() {
    let server = Server::start(&Env::from_process()).unwrap();
    println!("folder={}", server.folder().display());
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn a_server_stops_when_its_starter_is_killed() {
    let mut starter = Command::new(std::env::current_exe().unwrap())
        .args(["starter", "--exact", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = String::new();
    let mut output = starter.stdout.take().unwrap();
    let folder = loop {
        let mut byte = [0];
        output.read_exact(&mut byte).unwrap();
        text.push(char::from(byte[0]));
        let folder = text
            .split_once("folder=")
            .and_then(|(_, rest)| rest.strip_suffix('\n'));
        if let Some(folder) = folder {
            break folder.to_owned();
        }
    };
    assert!(answers(Path::new(&folder)));
    starter.kill().unwrap();
    starter.wait().unwrap();
    wait_until_gone(Path::new(&folder));
}

#[test]
fn a_failed_start_returns_the_reason() {
    let broken = tempfile::tempdir().unwrap();
    let error = Server::start_from(broken.path()).unwrap_err();
    assert!(
        format!("{error:#}").contains("cannot run initdb"),
        "{error:#}"
    );
}

#[test]
fn a_server_recovers_from_a_crash_and_from_a_freeze() {
    let mut server = Server::start_with(&Env::from_process(), &["fsync=on"]).unwrap();
    let folder = server.folder().to_owned();
    server.crash().unwrap();
    server.crash().unwrap();
    assert!(answers(&folder));

    server.freeze().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let frozen = folder.clone();
    std::thread::spawn(move || sender.send(answers(&frozen)));
    let timeout = Duration::from_millis(200);
    assert!(receiver.recv_timeout(timeout).is_err());
    server.thaw().unwrap();
    assert!(receiver.recv_timeout(Duration::from_secs(30)).unwrap());

    server.freeze().unwrap();
    drop(server);
    wait_until_gone(&folder);
}
