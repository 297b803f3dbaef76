fn main() -> anyhow::Result<()> {
    platform::serve("console", console::app)
}
