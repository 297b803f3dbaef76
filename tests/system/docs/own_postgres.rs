//! The block that starts conversations on a reader's own Postgres, run on a server that has nothing yet.

use std::process::Command;

use platform::Env;
use platform::postgres::{Pool, open};
use throwaway_postgres::Server;

use super::Page;
use super::commands::free_port;

/// The SQL of a line such as `psql "$ADMIN_URL" -c '..'`.
fn sql(line: &str) -> Option<&str> {
    let (_, sql) = line.strip_prefix("psql ")?.split_once(" -c ")?;
    let quote = sql.chars().next()?;
    sql.strip_prefix(quote)?.strip_suffix(quote)
}

async fn pool(url: String) -> Pool {
    open(&Env::default().with("DATABASE_URL", url)).expect("a pool")
}

#[tokio::test]
async fn the_block_for_conversations_on_ones_own_postgres_works_from_creating_to_reading() {
    let page = Page::read("docs/jobs/message-log.md");
    let blocks = page.blocks();
    let mut blocks = blocks
        .iter()
        .filter(|it| it.text.contains("create role metasync"));
    let (block, None) = (blocks.next().expect("the block"), blocks.next()) else {
        panic!("there are two blocks");
    };
    let server = tokio::task::spawn_blocking(|| Server::start(&Env::from_process()));
    let server = server.await.expect("no panic").expect("a server");
    let folder = server.folder().display().to_string();
    let admin = pool(server.admin_url("postgres")).await;
    let folder_of_programs = tempfile::tempdir().expect("a temporary folder");
    std::os::unix::fs::symlink(
        env!("CARGO_BIN_EXE_metasync-cli"),
        folder_of_programs.path().join("metasync"),
    )
    .expect("a link");

    let mut script = String::from("set -e\n");
    for line in block.text.lines() {
        // The names of a reader's server, without those that a throwaway server has already.
        let line = line.replace("role metasync", "role reader");
        let line = line.replace(
            "database metasync owner metasync",
            "database reader owner reader",
        );
        if let Some(sql) = sql(&line) {
            let client = admin.get().await.expect("a connection");
            client
                .batch_execute(sql)
                .await
                .expect("the SQL of the page");
            continue;
        }
        let line = match line.strip_prefix("export DATABASE_URL=") {
            Some(_) => {
                format!("export DATABASE_URL='postgres:///reader?host={folder}&user=reader'")
            }
            None => line.replace("PORT=8080", &format!("PORT={}", free_port())),
        };
        script += &line;
        script.push('\n');
    }
    script += "kill %1; wait\n";
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", folder_of_programs.path().display());
    let mut shell = Command::new("timeout");
    shell.args(["120", "bash", "-mc", &script]);
    shell
        .env("PATH", path)
        .current_dir(folder_of_programs.path());
    let output = tokio::task::spawn_blocking(move || shell.output());
    let output = output.await.expect("no panic").expect("bash runs");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<&str> = printed.lines().collect();
    let history = printed.rfind("{\"items\"").map(|at| &printed[at..]);
    let history = history.unwrap_or_else(|| {
        panic!("{lines:#?}\n{}", String::from_utf8_lossy(&output.stderr));
    });
    assert!(
        history.contains("\"message\":\"Where is my order?\""),
        "{history}"
    );
    assert!(
        history.contains("\"response\":\"On its way.\""),
        "{history}"
    );
    drop(server);
}
