//! Differences between a deployment and the catalogue.

use serde_json::Value;

use crate::functions::FUNCTIONS;

#[derive(Default)]
pub struct Differences(Vec<String>);

impl Differences {
    pub fn add(&mut self, difference: String) {
        self.0.push(difference);
    }

    /// Compares a value that a cloud returned with the catalogue's.
    pub fn compare(&mut self, what: &str, is: &Value, expected: impl Into<Value>) {
        let expected = expected.into();
        if *is != expected {
            let show = |value: &Value| match value {
                Value::Null => "nothing".to_owned(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let (is, expected) = (show(is), show(&expected));
            self.add(format!("{what}: {is}, and {expected} in the catalogue"));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn text(&self) -> String {
        self.0.join("; ")
    }
}

/// What a deployed function requires and is not set, if anything. `metasync` serves the functions whose configuration
/// is complete.
pub fn unset(function: &str, is_set: impl Fn(&str) -> bool) -> Option<String> {
    let function = FUNCTIONS.iter().find(|it| it.name == function)?;
    let missing = function.requires.iter().filter(|it| !is_set(it.name));
    let missing: Vec<String> = missing
        .map(|it| format!("{} is not set: set it to {}", it.name, it.meaning))
        .collect();
    let name = function.name;
    let text = missing.join("; ");
    (!missing.is_empty()).then(|| format!("{text}, or leave {name} out of `functions`"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_names_both_values_and_equal_values_are_none() {
        let mut differences = Differences::default();
        differences.compare("memory in MB", &json!(256), 256);
        assert!(differences.is_empty());
        differences.compare("memory in MB", &json!(128), 256);
        differences.compare("state", &Value::Null, "ENABLED");
        assert_eq!(
            differences.text(),
            "memory in MB: 128, and 256 in the catalogue; state: nothing, and ENABLED in the catalogue"
        );
    }

    #[test]
    fn a_function_lacks_what_it_requires_and_metasync_lacks_nothing() {
        let nothing = |_: &str| false;
        let lacks = unset("schema-sync", |name| name == "BUCKET_URL").unwrap_or_default();
        assert!(
            lacks.starts_with("WAREHOUSE_URL is not set: set it to bigquery://"),
            "{lacks}"
        );
        assert!(
            lacks.ends_with("leave schema-sync out of `functions`"),
            "{lacks}"
        );
        assert_eq!(unset("settings", |name| name == "DATABASE_URL"), None);
        assert_eq!(unset("metasync", nothing), None);
    }
}
