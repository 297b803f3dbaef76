//! The length of functions and files.

use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Block, Expr, ImplItemFn, ItemFn, Signature, Stmt, TraitItemFn};

const LONGEST_FILE: usize = 500;
/// A function whose body is one `match` may be longer.
const LONGEST_FUNCTION: usize = 100;

/// Longer functions, by file and name, with the reason.
const LONG_FUNCTIONS: [(&str, &str, &str); 0] = [];

/// Longer files, with the reason.
const LONG_FILES: [(&str, &str); 0] = [];

/// Every source file of a crate in `functions/` or `shared/`, with its path in the repository.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for folder in ["functions", "shared"] {
        for entry in fs::read_dir(root.join(folder)).expect("a folder") {
            let source = entry.expect("an entry").path().join("src");
            if source.exists() {
                collect(&source, &mut found);
            }
        }
    }
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).expect("a path below it").display();
        (name.to_string(), fs::read_to_string(&path).expect("a file"))
    };
    found.into_iter().map(read).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_file_is_longer_than_500_lines() {
    let mut long = Vec::new();
    for (name, text) in sources() {
        if text.lines().count() > LONGEST_FILE {
            long.push(name);
        }
    }
    long.sort();
    assert_eq!(long, LONG_FILES.map(|(name, _)| name));
}

#[test]
fn no_function_is_longer_than_100_lines_unless_it_is_one_match() {
    let mut long = Vec::new();
    for (name, text) in sources() {
        let mut functions = LongFunctions::default();
        functions.visit_file(&syn::parse_file(&text).expect("Rust"));
        long.extend(functions.names.into_iter().map(|it| (name.clone(), it)));
    }
    long.sort();
    let allowed = LONG_FUNCTIONS.map(|(file, function, _)| (file.to_owned(), function.to_owned()));
    assert_eq!(long, allowed);
}

#[derive(Default)]
struct LongFunctions {
    names: Vec<String>,
}

impl LongFunctions {
    fn check(&mut self, signature: &Signature, body: &Block) {
        let first = signature.fn_token.span.start().line;
        let last = body.brace_token.span.close().end().line;
        let is_match = matches!(body.stmts[..], [Stmt::Expr(Expr::Match(_), None)]);
        if last - first + 1 > LONGEST_FUNCTION && !is_match {
            self.names.push(signature.ident.to_string());
        }
    }
}

impl<'a> Visit<'a> for LongFunctions {
    fn visit_item_fn(&mut self, function: &'a ItemFn) {
        self.check(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'a ImplItemFn) {
        self.check(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'a TraitItemFn) {
        if let Some(body) = &function.default {
            self.check(&function.sig, body);
        }
        visit::visit_trait_item_fn(self, function);
    }
}
