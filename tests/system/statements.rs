//! SQL statements consist of constants from the source only.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Expr, ExprMacro, FnArg, Pat, Stmt, Token, Type};

/// The methods that run the statement in their first argument.
const METHODS: [&str; 9] = [
    "batch_execute",
    "execute_typed",
    "prepare",
    "query_typed",
    "query_typed_one",
    "query_typed_opt",
    "query_typed_raw",
    "simple_execute",
    "simple_query",
];

/// Statements with a computed part, by file and function, and the reason why that is not text from a caller.
const COMPUTED: [(&str, &str, &str); 24] = [
    (
        "functions/message-log/src/derived.rs",
        "orphaned",
        "one of four constant statements",
    ),
    (
        "functions/message-log/src/personal/feedback.rs",
        "erase",
        "the conditions of the file, which have no arguments",
    ),
    (
        "functions/message-log/src/personal/feedback.rs",
        "export",
        "the conditions of the file and the numbers of parameters",
    ),
    (
        "functions/message-log/src/personal/feedback.rs",
        "held",
        "the conditions of the file, which have no arguments",
    ),
    (
        "functions/message-log/src/personal/held.rs",
        "rows",
        "the constant statements of its callers",
    ),
    (
        "functions/message-log/src/personal/mod.rs",
        "next_ids",
        "the constant condition of a purpose",
    ),
    (
        "functions/privacy/src/export/collect.rs",
        "next_archived",
        "the constant condition of a purpose",
    ),
    (
        "functions/privacy/src/personal.rs",
        "erase",
        "the constant condition of a purpose",
    ),
    (
        "functions/privacy/src/personal.rs",
        "held",
        "the constant condition of a purpose",
    ),
    (
        "functions/stats-batch/src/personal.rs",
        "erase",
        "the tables of a constant",
    ),
    (
        "functions/stats-batch/src/personal.rs",
        "export",
        "the tables of a constant",
    ),
    (
        "functions/stats-batch/src/personal.rs",
        "held",
        "the tables of a constant",
    ),
    (
        "functions/message-log/src/months/drop.rs",
        "drop_month",
        "the name of a partition, from a date",
    ),
    (
        "shared/warehouse/src/source/postgres/plan.rs",
        "explain",
        "the query that it plans: one read-only statement, which is rolled back",
    ),
    (
        "functions/settings/src/settings.rs",
        "state",
        "the columns of a category",
    ),
    (
        "functions/settings/src/settings.rs",
        "write",
        "the columns of a category",
    ),
    (
        "shared/platform/src/postgres/listen.rs",
        "open",
        "the quoted name of a channel and a number",
    ),
    (
        "shared/platform/src/postgres/migrate.rs",
        "execute",
        "the file of a migration",
    ),
    (
        "shared/platform/src/postgres/migrate.rs",
        "query",
        "the statements of the migration library",
    ),
    (
        "shared/platform/src/postgres/scoped.rs",
        "query",
        "its callers are checked",
    ),
    (
        "shared/watermark/src/lib.rs",
        "advance",
        "the table of a constant",
    ),
    (
        "shared/watermark/src/lib.rs",
        "has_passed",
        "the table of a constant",
    ),
    (
        "shared/watermark/src/lib.rs",
        "lock",
        "the table of a constant",
    ),
    (
        "shared/watermark/src/lib.rs",
        "try_lock",
        "the table of a constant",
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

/// Finds the statements of a file that are not constant, by function.
struct Statements {
    function: Vec<String>,
    /// Whether each local name is constant.
    names: HashMap<String, bool>,
    inline: Regex,
    count: usize,
    computed: BTreeSet<String>,
}

impl Statements {
    fn check(&mut self, statement: Option<&Expr>) {
        self.count += 1;
        if !statement.is_some_and(|it| self.is_constant(it)) {
            let function = self.function.last().cloned();
            self.computed.insert(function.unwrap_or_default());
        }
    }

    fn is_constant(&self, expression: &Expr) -> bool {
        match expression {
            Expr::Lit(_) => true,
            Expr::Reference(it) => self.is_constant(&it.expr),
            Expr::Paren(it) => self.is_constant(&it.expr),
            Expr::Group(it) => self.is_constant(&it.expr),
            Expr::Path(it) => {
                let name = it.path.segments.last().expect("a name").ident.to_string();
                let is_const = name.chars().all(|it| !it.is_lowercase());
                is_const || self.names.get(&name).copied().unwrap_or(false)
            }
            Expr::Array(it) => it.elems.iter().all(|it| self.is_constant(it)),
            Expr::If(it) => {
                let other = it.else_branch.as_ref();
                self.is_constant_block(&it.then_branch)
                    && other.is_some_and(|(_, other)| self.is_constant(other))
            }
            Expr::Match(it) => it.arms.iter().all(|arm| self.is_constant(&arm.body)),
            Expr::Block(it) => self.is_constant_block(&it.block),
            // An arm of a `match` without a value.
            Expr::Return(_) | Expr::Continue(_) => true,
            Expr::Macro(it) => self.is_constant_macro(it),
            _ => false,
        }
    }

    fn is_constant_block(&self, block: &syn::Block) -> bool {
        matches!(block.stmts.last(), Some(Stmt::Expr(value, None)) if self.is_constant(value))
    }

    fn is_constant_macro(&self, called: &ExprMacro) -> bool {
        let name = called
            .mac
            .path
            .segments
            .last()
            .expect("a name")
            .ident
            .to_string();
        if name == "include_str" || name == "concat" {
            return true;
        }
        let parse = Punctuated::<Expr, Token![,]>::parse_terminated;
        let Ok(arguments) = called.mac.parse_body_with(parse) else {
            return false;
        };
        let Some(Expr::Lit(text)) = arguments.first() else {
            return false;
        };
        let syn::Lit::Str(text) = &text.lit else {
            return false;
        };
        // `name = value` in the arguments defines a name for this text only.
        let mut named = BTreeSet::new();
        let are_constant = arguments.iter().skip(1).all(|argument| {
            let Expr::Assign(argument) = argument else {
                return self.is_constant(argument);
            };
            if let Expr::Path(name) = &*argument.left {
                named.extend(name.path.get_ident().map(ToString::to_string));
            }
            self.is_constant(&argument.right)
        });
        let text = text.value().replace("{{", "").replace("}}", "");
        let mut inline = self.inline.captures_iter(&text).map(|it| it[1].to_owned());
        name == "format"
            && are_constant
            && inline.all(|name| {
                let is_const = name.chars().all(|it| !it.is_lowercase());
                let known = self.names.get(&name).copied();
                is_const || named.contains(&name) || known.unwrap_or(false)
            })
    }

    /// Records whether the names of a pattern are constant.
    fn bind(&mut self, pattern: &Pat, value: &dyn Fn(&Self, Option<usize>) -> bool) {
        match pattern {
            Pat::Ident(it) => {
                let is_constant = value(self, None);
                self.names.insert(it.ident.to_string(), is_constant);
            }
            Pat::Type(it) => self.bind(&it.pat, value),
            Pat::Tuple(it) => {
                for (place, part) in it.elems.iter().enumerate() {
                    if let Pat::Ident(part) = part {
                        let is_constant = value(self, Some(place));
                        self.names.insert(part.ident.to_string(), is_constant);
                    }
                }
            }
            _ => {}
        }
    }

    fn enter(&mut self, signature: &syn::Signature) {
        self.function.push(signature.ident.to_string());
        for argument in &signature.inputs {
            if let FnArg::Typed(argument) = argument {
                let is_static = matches!(&*argument.ty, Type::Reference(it)
                    if it.lifetime.as_ref().is_some_and(|it| it.ident == "static"));
                self.bind(&argument.pat, &|_, place| is_static && place.is_none());
            }
        }
    }
}

impl<'ast> Visit<'ast> for Statements {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        let outer = std::mem::take(&mut self.names);
        self.enter(&item.sig);
        visit::visit_item_fn(self, item);
        self.function.pop();
        self.names = outer;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        let outer = std::mem::take(&mut self.names);
        self.enter(&item.sig);
        visit::visit_impl_item_fn(self, item);
        self.function.pop();
        self.names = outer;
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        // Tests are exempt.
        if item.ident != "tests" {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        visit::visit_local(self, local);
        let value = local.init.as_ref().map(|it| &it.expr);
        self.bind(&local.pat, &|this, place| match (value, place) {
            (Some(value), None) => this.is_constant(value),
            _ => false,
        });
    }

    fn visit_expr_for_loop(&mut self, item: &'ast syn::ExprForLoop) {
        self.bind(&item.pat, &|this, place| match (&*item.expr, place) {
            (Expr::Array(all), Some(place)) => all.elems.iter().all(|it| {
                matches!(it, Expr::Tuple(it)
                    if it.elems.get(place).is_some_and(|it| this.is_constant(it)))
            }),
            (all, _) => this.is_constant(all),
        });
        visit::visit_expr_for_loop(self, item);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if METHODS.iter().any(|method| call.method == method) {
            self.check(call.args.first());
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let Expr::Path(called) = &*call.func {
            let names: Vec<String> = called
                .path
                .segments
                .iter()
                .map(|it| it.ident.to_string())
                .collect();
            if let [.., module, name] = &names[..]
                && ["db", "scoped"].contains(&module.as_str())
                && name == "query"
            {
                self.check(call.args.iter().nth(2));
            }
        }
        visit::visit_expr_call(self, call);
    }
}

fn computed(source: &str) -> (usize, BTreeSet<String>) {
    let file = syn::parse_file(source).expect("Rust");
    let mut statements = Statements {
        function: Vec::new(),
        names: HashMap::new(),
        inline: Regex::new(r"\{([A-Za-z_][A-Za-z0-9_]*)(?::[^}]*)?\}").expect("a pattern"),
        count: 0,
        computed: BTreeSet::new(),
    };
    statements.visit_file(&file);
    (statements.count, statements.computed)
}

#[test]
fn statements_consist_of_constants_only() {
    let mut files = Vec::new();
    for folder in ["functions", "shared"] {
        for entry in fs::read_dir(root().join(folder)).expect("a folder") {
            let source = entry.expect("an entry").path().join("src");
            if source.exists() {
                sources(&source, &mut files);
            }
        }
    }
    let (mut count, mut found) = (0, BTreeMap::new());
    for path in files {
        let source = fs::read_to_string(&path).expect("a source");
        let (statements, functions) = computed(&source);
        count += statements;
        let path = path.strip_prefix(root()).expect("below the root");
        for function in functions {
            found.insert((path.display().to_string(), function), ());
        }
    }
    let known = COMPUTED.map(|(file, function, _)| ((file.to_owned(), function.to_owned()), ()));
    assert_eq!(found, BTreeMap::from(known));
    assert!(count > 100, "{count} statements were found");
}

#[test]
fn a_statement_with_an_interpolated_value_is_found() {
    for (body, is_constant) in [
        (r#"db.batch_execute("select 1")"#, true),
        (r#"db.query_typed(SQL, &[])"#, true),
        (r#"db.query_typed(include_str!("a.sql"), &[])"#, true),
        (
            r#"let sql = if late { "a" } else { SQL }; db.query_typed(sql, &[])"#,
            true,
        ),
        (
            r#"for table in TABLES { db.query_typed(&format!("from {table}"), &[]); }"#,
            true,
        ),
        (r#"db.query_typed(fixed, &[])"#, true),
        (
            r#"db.batch_execute(&format!("limit {most}", most = MOST))"#,
            true,
        ),
        (
            r#"db.batch_execute(&format!("limit {most}", most = name))"#,
            false,
        ),
        (r#"db.batch_execute(&format!("set a = '{name}'"))"#, false),
        (r#"db.batch_execute(&format!("set a = '{}'", name))"#, false),
        (
            r#"let sql = "set a = ".to_owned() + name; db.batch_execute(&sql)"#,
            false,
        ),
        (
            r#"let sql = scope.settings(); db.batch_execute(&sql)"#,
            false,
        ),
        (
            r#"db::query(client, scope, &[SQL, name].concat(), &[])"#,
            false,
        ),
        (r#"scoped::query(client, scope, name, &[])"#, false),
    ] {
        let source = format!("async fn f(name: &str, fixed: &'static str) {{ {body} }}");
        let (count, computed) = computed(&source);
        assert_eq!((count, computed.is_empty()), (1, is_constant), "{body}");
    }
}
