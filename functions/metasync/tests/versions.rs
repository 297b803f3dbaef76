//! What a sync prints about examples, and `metasync versions`.

use std::fs;
use std::process::Command;

use serde_json::Value;

#[test]
fn sync_prints_the_examples_that_it_quarantines_and_versions_lists_the_versions_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("warehouse")).unwrap();
    let write = |columns: &[(&str, &str)]| {
        let columns = columns.iter();
        let columns = columns.map(|(name, kind)| serde_json::json!({"name": name, "type": kind}));
        let json = Value::Array(columns.collect()).to_string();
        let file = folder.path().join("warehouse/acme.sales.orders.json");
        fs::write(file, json).unwrap();
    };
    let run = |arguments: &[&str]| {
        let url = |name: &str| format!("file://{}/{name}", folder.path().display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_metasync"));
        command.env_clear().args(arguments);
        command.env("WAREHOUSE_URL", url("warehouse"));
        command.env("BUCKET_URL", url("bucket"));
        let output = command.output().unwrap();
        let mut text = String::from_utf8(output.stdout).unwrap();
        text.push_str(&String::from_utf8(output.stderr).unwrap());
        (output.status.success(), text)
    };
    let (listed, text) = run(&["versions"]);
    assert!(!listed && text.contains("metasync sync"), "{text}");

    write(&[("id", "INT64"), ("total", "NUMERIC"), ("state", "STRING")]);
    assert!(run(&["sync"]).0);
    write(&[("id", "INT64")]);
    let (synced, text) = run(&["sync"]);
    let quarantined = text.lines().find(|it| it.contains("example quarantined: "));
    assert!(synced && quarantined.is_some(), "{text}");
    assert!(quarantined.unwrap().contains("no column"), "{text}");

    let (listed, json) = run(&["versions", "--json"]);
    assert!(listed, "{json}");
    let versions: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(versions[0]["columns_count"], 1);
    assert_eq!(versions[0]["changes"]["removed"], 2);
    assert_eq!(versions[1]["columns_count"], 3);
    let (_, text) = run(&["versions", "--limit", "1"]);
    let newest = versions[0]["version"].as_str().unwrap();
    assert!(text.contains(newest), "{text}");
    assert!(
        text.contains("2 removed, 0 changed, 2 breaking; 1 table"),
        "{text}"
    );
    assert!(
        text.contains("and 1 older version; --limit shows more"),
        "{text}"
    );
}
