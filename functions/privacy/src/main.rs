fn main() -> anyhow::Result<()> {
    shared::serve("privacy", privacy::app)
}
