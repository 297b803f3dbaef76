//! The page of requirements names tests that exist.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;

use super::{Page, root};

/// `file::function` for every function below a folder of sources; of `mod.rs` also by its folder's name.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    let function = Regex::new(r"(?m)^\s*(?:pub )?(?:async )?fn (\w+)").expect("a pattern");
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source");
            let stem = path.file_stem().and_then(|it| it.to_str()).expect("a name");
            found.extend(
                function
                    .captures_iter(&text)
                    .map(|it| format!("{stem}::{}", &it[1])),
            );
        }
    }
}

#[test]
fn every_requirement_is_shown_by_a_test_that_exists() {
    let mut known = BTreeSet::new();
    for folder in ["functions", "shared", "tests"] {
        functions(&root().join(folder), &mut known);
    }
    let page = Page::read("docs/requirements.md");
    let test = Regex::new(r"`(\w+::\w+)`").expect("a pattern");
    let rows = page.text.lines().filter(|line| line.starts_with("| `"));
    let mut faults = Vec::new();
    let mut count = 0;
    for row in rows {
        count += 1;
        let named: Vec<&str> = test
            .captures_iter(row)
            .map(|it| it.extract::<1>().1[0])
            .collect();
        if named.is_empty() {
            faults.push(format!("no test shows {row}"));
        }
        let unknown = named.into_iter().filter(|it| !known.contains(*it));
        faults.extend(unknown.map(|it| format!("there is no test {it}")));
    }
    assert!(count > 50, "the table has {count} rows");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
