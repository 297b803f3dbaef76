//! The server's life.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use platform::Env;
use throwaway_postgres::Server;

/// Asks for TLS, which a server on a Unix socket declines with an `N`.
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
fn a_server_stops_and_leaves_nothing_when_it_is_dropped() {
    let server = Server::start(&Env::from_process()).unwrap();
    let folder = server.folder().to_owned();
    assert!(answers(&folder));
    drop(server);
    assert!(!answers(&folder));
    wait_until_gone(&folder);
}

/// Run by the next test in a process of its own, and only there.
#[test]
#[ignore = "it waits to be killed"]
fn starter() {
    let server = Server::start(&Env::from_process()).unwrap();
    println!("folder={}", server.folder().display());
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn a_server_goes_with_its_starter_even_when_that_is_killed() {
    let mut starter = Command::new(std::env::current_exe().unwrap())
        .args(["starter", "--exact", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut output = starter.stdout.take().unwrap();
    let folder = loop {
        let mut byte = [0];
        output.read_exact(&mut byte).unwrap();
        said.push(char::from(byte[0]));
        let told = said
            .split_once("folder=")
            .and_then(|(_, rest)| rest.strip_suffix('\n'));
        if let Some(folder) = told {
            break folder.to_owned();
        }
    };
    assert!(answers(Path::new(&folder)));
    starter.kill().unwrap();
    starter.wait().unwrap();
    wait_until_gone(Path::new(&folder));
}

#[test]
fn a_server_that_does_not_start_tells_its_log() {
    let broken = tempfile::tempdir().unwrap();
    let error = Server::start_from(broken.path()).unwrap_err();
    assert!(
        format!("{error:#}").contains("cannot run initdb"),
        "{error:#}"
    );
}

#[test]
fn a_server_comes_back_from_a_crash_and_answers_again_after_it_stood_still() {
    let mut server = Server::start_with(&Env::from_process(), &["fsync=on"]).unwrap();
    let folder = server.folder().to_owned();
    server.crash().unwrap();
    server.crash().unwrap();
    assert!(answers(&folder));

    server.freeze().unwrap();
    let (told, answered) = std::sync::mpsc::channel();
    let asked = folder.clone();
    std::thread::spawn(move || told.send(answers(&asked)));
    let patience = Duration::from_millis(200);
    assert!(answered.recv_timeout(patience).is_err());
    server.thaw().unwrap();
    assert!(answered.recv_timeout(Duration::from_secs(30)).unwrap());

    server.freeze().unwrap();
    drop(server);
    wait_until_gone(&folder);
}
