//! A function by its name: cargo tells a test only where the programs of its own package are.

fn main() -> anyhow::Result<()> {
    let name = std::env::args().nth(1);
    match name.as_deref() {
        Some("cache-read") => platform::serve("cache-read", cache_read::app),
        Some("message-log") => platform::serve("message-log", message_log::app),
        Some("privacy") => platform::serve("privacy", privacy::app),
        Some("schema-sync") => platform::serve("schema-sync", schema_sync::app),
        Some("settings") => platform::serve("settings", settings::app),
        Some("stats-batch") => platform::serve("stats-batch", stats_batch::app),
        _ => anyhow::bail!("there is no function {name:?}"),
    }
}
