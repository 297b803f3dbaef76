fn main() -> anyhow::Result<()> {
    platform::serve("stats-batch", stats_batch::app)
}
