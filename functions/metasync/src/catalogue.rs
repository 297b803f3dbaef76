//! The functions that can be deployed, as Terraform has them.

/// Their names. The file is compiled in, so that it can't be missing.
pub fn names() -> impl Iterator<Item = String> {
    #[derive(serde::Deserialize)]
    struct Catalogue {
        functions: std::collections::BTreeMap<String, serde::de::IgnoredAny>,
    }
    let text = include_str!("../../../infra/functions.json");
    let catalogue: Catalogue =
        serde_json::from_str(text).expect("a test holds the file to its form");
    catalogue.functions.into_keys()
}
