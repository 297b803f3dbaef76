fn main() -> anyhow::Result<()> {
    shared::serve("stats-batch", stats_batch::app)
}
