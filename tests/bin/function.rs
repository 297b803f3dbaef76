//! Serves the function that its argument names: cargo gives a test only the programs of its own package.

use anyhow::Context as _;
use metasync::functions::FUNCTIONS;

fn main() -> anyhow::Result<()> {
    let name = std::env::args().nth(1).unwrap_or_default();
    let function = FUNCTIONS.iter().find(|function| function.name == name);
    let function = function.with_context(|| format!("there is no function {name:?}"))?;
    platform::serve(function.name, function.app)
}
