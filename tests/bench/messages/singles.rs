//! One message per request, compared with pgbench inserting one row per transaction over as many connections. Both
//! load generators use one thread.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use platform::Env;
use throwaway_postgres::binaries;
use uuid::Uuid;

use crate::function::Function;
use crate::{message, server};

const CONNECTIONS: usize = 32;

/// Lua expressions for unique ids, with and without a time.
const WITH_TIME: &str =
    r#"string.format("%012x7%03x8%03x%012x", os.time() * 1000, n % 4096, n / 4096 % 4096, n)"#;
const WITHOUT_TIME: &str = r#"string.format("%d-%d", os.time(), n)"#;

pub async fn against_pgbench(
    function: &Function,
    database: &str,
    seconds: u64,
) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let bare = pgbench(folder.path(), database, seconds).await?;
    for (what, id) in [
        ("ids of version 7", WITH_TIME),
        ("other keys", WITHOUT_TIME),
    ] {
        let measured = wrk(folder.path(), function, id, seconds)?;
        println!(
            "| single messages, {CONNECTIONS} connections, {what} | {measured:.0}/s | {bare:.0}/s (pgbench) | {:.2} |",
            measured / bare
        );
    }
    Ok(())
}

fn wrk(folder: &Path, function: &Function, id: &str, seconds: u64) -> anyhow::Result<f64> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let installed = Command::new(root.join("peers/install"))
        .arg("wrk")
        .status()?;
    ensure!(installed.success(), "wrk can't be installed");
    let mut body = message(7, Uuid::now_v7());
    body["id"] = "ID".into();
    let body = body.to_string();
    let (before, after) = body.split_once("ID").context("an id in it")?;
    let script = folder.join("singles.lua");
    let lua = format!(
        r#"
        local n = 0
        wrk.method = "POST"
        wrk.headers["Content-Type"] = "application/json"
        function request()
            n = n + 1
            return wrk.format(nil, nil, nil, [[{before}]] .. {id} .. [[{after}]])
        end
        "#
    );
    fs::write(&script, lua)?;
    let output = Command::new(server::folder("wrk").join("wrk"))
        .args(["--threads", "1"])
        .args(["--connections", &CONNECTIONS.to_string()])
        .args(["--duration", &format!("{seconds}s")])
        .arg("--script")
        .arg(&script)
        .arg(format!("http://{}/v1/messages", function.address))
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    for error in ["Non-2xx", "Socket errors"] {
        ensure!(!text.contains(error), "wrk reported errors: {text}");
    }
    number_after(&text, "Requests/sec:")
}

/// Inserts the row that the log stores for such a message into a table with a primary key only.
async fn pgbench(folder: &Path, database: &str, seconds: u64) -> anyhow::Result<f64> {
    let pool = platform::postgres::open(&Env::default().with("DATABASE_URL", database))?;
    let pool = pool.within(std::time::Duration::MAX);
    let client = pool.get().await?;
    client
        .batch_execute(
            "create table public.single as select * from conversation.log limit 1;
             alter table public.single add primary key (id);",
        )
        .await?;
    let columns: String = client
        .query_typed_one(
            "select string_agg(quote_ident(attname), ', ' order by attnum)
             from pg_attribute
             where attrelid = 'public.single'::regclass and attnum > 0 and attname <> 'id'",
            &[],
        )
        .await?
        .get(0);
    // Constant values, so that only the insert is measured.
    let values: String = client
        .query_typed_one(
            "select string_agg(coalesce(quote_literal(value), 'null'), ', ' order by attnum)
             from public.single, jsonb_each_text(to_jsonb(single)) as field (name, value)
             join pg_attribute on attrelid = 'public.single'::regclass and attname = name
             where name <> 'id'",
            &[],
        )
        .await?
        .get(0);
    let script = folder.join("single.sql");
    let insert =
        format!("insert into public.single (id, {columns}) values (gen_random_uuid(), {values});");
    fs::write(&script, insert)?;
    let output = Command::new(pgbench_path(&Env::from_process())?)
        .args(["--no-vacuum", "--jobs", "1", "--protocol", "prepared"])
        .args(["--client", &CONNECTIONS.to_string()])
        .args(["--time", &seconds.to_string()])
        .arg("--file")
        .arg(&script)
        .arg(database)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "pgbench failed: {error}");
    client.batch_execute("drop table public.single").await?;
    number_after(&text, "tps =")
}

/// pgbench from the folder of the server, or from `PATH`.
fn pgbench_path(env: &Env) -> anyhow::Result<PathBuf> {
    let folder = binaries::find(env, binaries::SYSTEM).context("Postgres is not installed")?;
    let beside = folder.join("pgbench");
    Ok(if beside.is_file() {
        beside
    } else {
        "pgbench".into()
    })
}

fn number_after(text: &str, label: &str) -> anyhow::Result<f64> {
    let (_, rest) = text.split_once(label).context(text.to_owned())?;
    let number = rest.split_whitespace().next().unwrap_or_default();
    Ok(number.parse()?)
}
