fn main() -> anyhow::Result<()> {
    shared::serve("schema-sync", schema_sync::app)
}
