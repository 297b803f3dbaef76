//! Code that the test suites share.

pub use metasync::catalogue;
use metasync::functions::FUNCTIONS;
use platform::{Resources, Router};

pub type App = fn(&Resources) -> anyhow::Result<Router>;

/// The app of every function by name, `metasync` included.
pub fn apps() -> impl Iterator<Item = (&'static str, App)> {
    let functions = FUNCTIONS
        .iter()
        .map(|function| (function.name, function.app));
    functions.chain([("metasync", metasync::app as App)])
}
