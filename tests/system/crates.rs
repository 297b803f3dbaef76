//! Which crates may depend on which, and no import cycles between the modules of a crate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use syn::visit::{self, Visit};
use syn::{Attribute, ItemMod, ItemUse, UseTree};

/// Imports that close a cycle: the crate, the importing modules, the imported module, and the reason.
#[rustfmt::skip]
const CYCLIC_IMPORTS: [(&str, &[&str], &str, &str); 3] = [
    ("cache-read", &["context", "prompt", "sql"], "app", "their routes take the state, which has their parts"),
    ("metasync", &["schedule"], "functions", "the scheduler runs the schedules of the registry"),
    ("platform", &["auth", "llm", "serve", "store"], "resources", "`Resources` opens them with itself"),
];

fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().expect("the workspace")
}

/// The packages of the workspace by folder.
fn packages() -> Vec<(PathBuf, Value)> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(root())
        .output()
        .expect("cargo runs this test");
    assert!(output.status.success(), "{output:?}");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let packages = packages.iter().map(|package| {
        let manifest = Path::new(package["manifest_path"].as_str().expect("a path"));
        (manifest.with_file_name(""), package.clone())
    });
    packages.collect()
}

#[test]
fn no_shared_crate_depends_on_a_function() {
    let (mut functions, mut dependencies) = (BTreeSet::new(), BTreeSet::new());
    for (folder, package) in packages() {
        if folder.starts_with(root().join("functions")) {
            functions.insert(package["name"].clone().to_string());
        }
        if folder.starts_with(root().join("shared")) {
            // The list includes build and dev dependencies.
            for dependency in package["dependencies"].as_array().expect("a list") {
                dependencies.insert((folder.clone(), dependency["name"].to_string()));
            }
        }
    }
    assert!(functions.contains("\"metasync\""), "{functions:?}");
    dependencies.retain(|(_, dependency)| functions.contains(dependency));
    assert!(dependencies.is_empty(), "{dependencies:#?}");
}

#[test]
fn the_modules_of_a_crate_import_each_other_in_one_direction() {
    let (mut cyclic, mut harmless) = (Vec::new(), Vec::new());
    for (folder, package) in packages() {
        if !folder.join("src/lib.rs").exists() {
            continue;
        }
        let name = package["name"].as_str().expect("a name");
        let mut imports = Modules::read(folder.join("src"));
        let allowed = CYCLIC_IMPORTS.iter().filter(|(it, ..)| *it == name);
        let allowed = allowed.flat_map(|(_, from, to, _)| from.iter().map(|from| (*from, *to)));
        let allowed: Imports = allowed.map(|(from, to)| (from.into(), to.into())).collect();
        let existing: Imports = imports.intersection(&allowed).cloned().collect();
        imports.retain(|import| !allowed.contains(import));
        let closes_a_cycle = |(from, to): &&(String, String)| reaches(&imports, to, from);
        let needed: Imports = existing.iter().filter(closes_a_cycle).cloned().collect();
        let name = |(from, to): &(String, String)| format!("{name}: {from} imports {to}");
        harmless.extend(allowed.difference(&needed).map(name));
        cyclic.extend(imports.iter().filter(closes_a_cycle).map(name));
    }
    assert!(cyclic.is_empty(), "{cyclic:#?}");
    assert!(harmless.is_empty(), "no longer cyclic: {harmless:#?}");
}

type Imports = BTreeSet<(String, String)>;

fn reaches(imports: &Imports, from: &str, to: &str) -> bool {
    let (mut reached, mut open) = (BTreeSet::from([from]), vec![from]);
    while let Some(module) = open.pop() {
        let targets = imports.iter().filter(|(from, _)| from == module);
        let targets = targets.map(|(_, to)| to.as_str());
        open.extend(targets.filter(|it| reached.insert(it)));
    }
    reached.contains(to)
}

/// The imports between the top-level modules of a crate, without tests. A folder is one module.
struct Modules {
    source: PathBuf,
    /// The path of the module that is being read.
    path: Vec<String>,
    /// Pairs of a top-level module and the first segment of a path that it imports.
    imports: Imports,
    /// The top-level module of each name that the crate's root imports or exports.
    names: BTreeMap<String, String>,
}

impl Modules {
    fn read(source: PathBuf) -> Imports {
        let lib = parse(&source.join("lib.rs"));
        let mut modules = Self {
            source,
            path: Vec::new(),
            imports: Imports::new(),
            names: BTreeMap::new(),
        };
        modules.visit_file(&lib);
        let imports = modules.imports.iter().filter_map(|(from, name)| {
            let to = modules.names.get(name)?;
            (from != to).then(|| (from.clone(), to.clone()))
        });
        imports.collect()
    }

    fn add(&mut self, path: &[String]) {
        let supers = path.iter().take_while(|it| *it == "super").count();
        let target = match (&self.path[..], path) {
            ([], [root, rest @ ..]) if root == "crate" => return self.add(rest),
            ([], [module, .., name]) => {
                self.names.entry(name.clone()).or_insert(module.clone());
                return;
            }
            ([_, ..], [root, target, ..]) if root == "crate" => target,
            ([_, ..], _) if supers == self.path.len() && supers < path.len() => &path[supers],
            _ => return,
        };
        self.imports.insert((self.path[0].clone(), target.clone()));
    }
}

impl<'a> Visit<'a> for Modules {
    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        if item.attrs.iter().any(is_test) {
            return;
        }
        let name = item.ident.to_string();
        if self.path.is_empty() {
            self.names.insert(name.clone(), name.clone());
        }
        self.path.push(name);
        if item.content.is_some() {
            visit::visit_item_mod(self, item);
        } else {
            let module = self.source.join(self.path.iter().collect::<PathBuf>());
            let file = Some(module.with_extension("rs")).filter(|it| it.exists());
            self.visit_file(&parse(&file.unwrap_or(module.join("mod.rs"))));
        }
        self.path.pop();
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        for path in paths(&item.tree) {
            self.add(&path);
        }
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        if !self.path.is_empty() {
            let names = path.segments.iter().map(|it| it.ident.to_string());
            self.add(&names.collect::<Vec<_>>());
        }
        visit::visit_path(self, path);
    }
}

fn parse(file: &Path) -> syn::File {
    let text = std::fs::read_to_string(file).unwrap_or_else(|_| panic!("{file:?} is missing"));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{file:?}: {error}"))
}

fn is_test(attribute: &Attribute) -> bool {
    let list = attribute.meta.require_list();
    attribute.path().is_ident("cfg") && list.is_ok_and(|it| it.tokens.to_string() == "test")
}

/// The paths that a `use` imports, with the local name as the last segment.
fn paths(tree: &UseTree) -> Vec<Vec<String>> {
    let (name, rest) = match tree {
        UseTree::Path(path) => (&path.ident, paths(&path.tree)),
        UseTree::Name(name) => (&name.ident, vec![Vec::new()]),
        UseTree::Rename(rename) => (&rename.rename, vec![Vec::new()]),
        UseTree::Group(group) => return group.items.iter().flat_map(paths).collect(),
        UseTree::Glob(_) => return vec![Vec::new()],
    };
    let prefix = |path: Vec<String>| [vec![name.to_string()], path].concat();
    rest.into_iter().map(prefix).collect()
}
