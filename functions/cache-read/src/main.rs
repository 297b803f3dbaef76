fn main() -> anyhow::Result<()> {
    platform::serve("cache-read", cache_read::app)
}
