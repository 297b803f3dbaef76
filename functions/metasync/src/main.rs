fn main() -> anyhow::Result<()> {
    metasync::cli::main()
}
