fn main() -> anyhow::Result<()> {
    platform::serve("settings", settings::app)
}
