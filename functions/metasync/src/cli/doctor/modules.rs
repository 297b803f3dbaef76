//! The Terraform modules, for tests.

use std::collections::BTreeSet;
use std::path::Path;

/// The types of the resources and data sources in the module of a cloud.
pub fn types_in(cloud: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/modules");
    let mut types = BTreeSet::new();
    for entry in std::fs::read_dir(root.join(cloud)).expect("the module") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "tf") {
            let text = std::fs::read_to_string(path).expect("a file of the module");
            types.extend(text.lines().filter_map(|line| {
                let rest = line.strip_prefix("resource \"");
                let rest = rest.or_else(|| line.strip_prefix("data \""))?;
                rest.split('"').next().map(str::to_owned)
            }));
        }
    }
    types
}
