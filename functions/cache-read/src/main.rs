fn main() -> anyhow::Result<()> {
    shared::serve("cache-read", cache_read::app)
}
