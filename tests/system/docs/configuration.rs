//! The page of variables has the defaults of the code.

use std::collections::BTreeMap;
use std::path::Path;

use regex::Regex;
use syn::visit::{self, Visit};
use syn::{Expr, ExprCall, ExprMethodCall, Lit};

use super::{Page, root};

/// The defaults in the code: what `env.parse("NAME", default)` is called with, where that is a number.
#[derive(Default)]
struct Defaults(BTreeMap<String, String>);

impl Defaults {
    fn add<'ast>(&mut self, mut arguments: impl Iterator<Item = &'ast Expr>) {
        if let Some(Expr::Lit(name)) = arguments.next()
            && let Lit::Str(name) = &name.lit
            && let Some(default) = arguments.next().and_then(number)
        {
            self.0.insert(name.value(), default);
        }
    }
}

impl<'ast> Visit<'ast> for Defaults {
    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if call.method == "parse" || call.method == "parse_as" {
            self.add(call.args.iter());
        }
        visit::visit_expr_method_call(self, call);
    }

    /// A closure around it.
    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if matches!(&*call.func, Expr::Path(path) if path.path.is_ident("one_or_more")) {
            self.add(call.args.iter());
        }
        visit::visit_expr_call(self, call);
    }
}

/// A number that is written out, or shifted: `1 << 20`.
fn number(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Lit(it) => match &it.lit {
            Lit::Int(it) => Some(it.base10_digits().to_owned()),
            Lit::Float(it) => Some(it.base10_digits().to_owned()),
            _ => None,
        },
        Expr::Binary(it) => {
            let (left, right) = (number(&it.left)?, number(&it.right)?);
            let (left, right): (u64, u32) = (left.parse().ok()?, right.parse().ok()?);
            Some((left << right).to_string())
        }
        _ => None,
    }
}

fn read(folder: &Path, defaults: &mut Defaults) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let is_source = path.extension().is_some_and(|it| it == "rs");
        if path.is_dir() && path.file_name().is_none_or(|it| it != "tests") {
            read(&path, defaults);
        } else if is_source {
            let text = std::fs::read_to_string(&path).expect("a source");
            defaults.visit_file(&syn::parse_file(&text).expect("Rust"));
        }
    }
}

#[test]
fn the_defaults_of_the_page_are_those_of_the_code() {
    let mut defaults = Defaults::default();
    for folder in ["functions", "shared"] {
        read(&root().join(folder), &mut defaults);
    }
    assert!(defaults.0.len() > 15, "{:?}", defaults.0);
    let page = Page::read("docs/configuration.md");
    let name = Regex::new(r"`([A-Z][A-Z0-9_]+)`").expect("a pattern");
    let mut shown = BTreeMap::new();
    for table in page.text.split("| variable | default | meaning |").skip(1) {
        let (table, _) = table.split_once("\n\n").expect("its end");
        for row in table.lines() {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            if let [_, variable, default, ..] = cells[..]
                && let Some(name) = name.captures(variable)
            {
                let default = default.trim_matches('`').to_owned();
                shown.insert(name[1].to_owned(), default);
            }
        }
    }
    for (name, default) in &defaults.0 {
        match shown.get(name) {
            Some(shown) => assert_eq!(shown, default, "the default of {name}"),
            None => assert!(
                page.text.contains(&format!("`{name}`")),
                "the page lacks {name}"
            ),
        }
    }
}
