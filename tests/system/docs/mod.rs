//! The documents: their commands work, their links lead somewhere, and what they list is what the code has.

mod blocks;
mod clients;
mod commands;
mod configuration;
mod document_schema;
mod links;
mod newcomers;
mod own_postgres;
mod requirements;

use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A document: its path below the root of the repository, and its text.
struct Page {
    path: String,
    text: String,
}

/// A fenced block of code.
struct Block {
    /// The words after the fence: a language, and what the tests need to know.
    info: String,
    text: String,
    line: usize,
}

impl Page {
    fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(root().join(path));
        Self {
            path: path.to_owned(),
            text: text.unwrap_or_else(|error| panic!("{path}: {error}")),
        }
    }

    fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut is_open = false;
        for (event, range) in Parser::new(&self.text).into_offset_iter() {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    is_open = true;
                    let info = match kind {
                        CodeBlockKind::Fenced(info) => info.to_string(),
                        CodeBlockKind::Indented => "indented".to_owned(),
                    };
                    let line = self.text[..range.start].lines().count() + 1;
                    let text = String::new();
                    blocks.push(Block { info, text, line });
                }
                Event::Text(text) if is_open => {
                    blocks.last_mut().expect("it is open").text += &text;
                }
                Event::End(TagEnd::CodeBlock) => is_open = false,
                _ => {}
            }
        }
        blocks
    }
}

/// Every document that a person reads, by its path.
fn pages() -> Vec<Page> {
    let mut paths: Vec<String> = Vec::new();
    for folder in [
        "",
        "docs",
        "docs/alarms",
        "docs/jobs",
        "infra",
        "shared",
        "shared/migrations",
    ] {
        let entries = std::fs::read_dir(root().join(folder)).expect("a folder");
        for entry in entries {
            let name = entry.expect("an entry").file_name();
            let name = name.to_str().expect("a name in UTF-8");
            if name.ends_with(".md") {
                paths.push(Path::new(folder).join(name).display().to_string());
            }
        }
    }
    for entry in std::fs::read_dir(root().join("shared")).expect("the folder") {
        let readme = entry.expect("an entry").path().join("README.md");
        let below = readme.strip_prefix(root()).expect("a path below the root");
        let below = below.display().to_string();
        if readme.is_file() && !paths.contains(&below) {
            paths.push(below);
        }
    }
    paths.sort();
    paths.iter().map(|path| Page::read(path)).collect()
}

#[test]
fn the_readme_can_be_read_in_minutes_and_the_book_lists_every_page() {
    let readme = Page::read("README.md");
    assert!(readme.text.lines().count() <= 150, "README.md is too long");
    let summary = Page::read("docs/SUMMARY.md");
    for page in pages() {
        if let Some(name) = page.path.strip_prefix("docs/")
            && name != "SUMMARY.md"
        {
            let entry = format!("({name})");
            assert!(summary.text.contains(&entry), "SUMMARY.md lacks {name}");
        }
    }
}
