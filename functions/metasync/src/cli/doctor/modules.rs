//! The Terraform modules, for tests.

use std::collections::BTreeSet;
use std::path::Path;

/// The text of the module of a cloud.
pub fn text_of(cloud: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/modules");
    let entries = std::fs::read_dir(root.join(cloud)).expect("the module");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let paths = paths.filter(|path| path.extension().is_some_and(|it| it == "tf"));
    paths
        .map(|path| std::fs::read_to_string(path).expect("a file of the module"))
        .collect()
}

/// The types of the resources and data sources in the module of a cloud.
pub fn types_in(cloud: &str) -> BTreeSet<String> {
    let text = text_of(cloud);
    let types = text.lines().filter_map(|line| {
        let rest = line.strip_prefix("resource \"");
        let rest = rest.or_else(|| line.strip_prefix("data \""))?;
        rest.split('"').next().map(str::to_owned)
    });
    types.collect()
}
