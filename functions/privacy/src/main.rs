fn main() -> anyhow::Result<()> {
    platform::serve("privacy", privacy::app)
}
