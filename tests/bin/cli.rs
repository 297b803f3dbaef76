//! Runs `metasync`: cargo gives a test only the programs of its own package.

fn main() -> anyhow::Result<()> {
    metasync::cli::main()
}
