fn main() -> anyhow::Result<()> {
    shared::serve("settings", settings::app)
}
