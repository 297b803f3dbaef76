fn main() -> anyhow::Result<()> {
    platform::serve("schema-sync", schema_sync::app)
}
