//! `metasync` itself: cargo tells a test only where the programs of its own package are.

fn main() -> anyhow::Result<()> {
    metasync::cli::main()
}
