//! Collations and text search configurations of Postgres, of which no document has a list. A name that the schema
//! does not lead to is refused, so that the warehouse doesn't tell whether it exists.

use schema::document::Column;
use schema::name::names_of;
use sqlparser::ast::{Expr, FunctionArg, FunctionArgExpr, ObjectName};

use crate::casts::any_column;
use crate::fault::FaultKind;
use crate::resolver::Resolver;
use crate::tables::Schema;

/// Collations in `pg_catalog` on every system. The others are named by a locale.
const COLLATIONS: &[&str] = &[
    "C",
    "POSIX",
    "default",
    "pg_c_utf8",
    "pg_unicode_fast",
    "ucs_basic",
    "unicode",
];
/// The configurations in `pg_catalog`.
const CONFIGURATIONS: &[&str] = &[
    "arabic",
    "armenian",
    "basque",
    "catalan",
    "danish",
    "dutch",
    "english",
    "estonian",
    "finnish",
    "french",
    "german",
    "greek",
    "hindi",
    "hungarian",
    "indonesian",
    "irish",
    "italian",
    "lithuanian",
    "nepali",
    "norwegian",
    "polish",
    "portuguese",
    "romanian",
    "russian",
    "serbian",
    "simple",
    "spanish",
    "swedish",
    "tamil",
    "turkish",
    "yiddish",
];
/// Functions whose first argument may name a configuration, and how many they have then.
const CONFIGURED: &[(&str, &[usize])] = &[
    ("json_to_tsvector", &[3]),
    ("jsonb_to_tsvector", &[3]),
    ("phraseto_tsquery", &[2]),
    ("plainto_tsquery", &[2]),
    ("to_tsquery", &[2]),
    ("to_tsvector", &[2]),
    ("ts_headline", &[3, 4]),
    ("unaccent", &[2]),
    ("websearch_to_tsquery", &[2]),
];

/// Whether the first argument of a function may name a configuration or a dictionary.
pub(crate) fn is_configured(function: &str) -> bool {
    CONFIGURED.iter().any(|(name, _)| *name == function)
}

/// Whether a query may name this collation.
pub(crate) fn is_collation(schema: &Schema, names: &[String]) -> bool {
    let is_of_postgres = |name: &str| COLLATIONS.contains(&name) || is_locale(name);
    let of_column = |column: &Column| {
        let own = column
            .collation
            .as_deref()
            .map(names_of)
            .unwrap_or_default();
        own.ends_with(names) && !names.is_empty()
    };
    leads_to(schema, names, is_of_postgres)
        || schema
            .tables()
            .any(|table| any_column(&table.columns, &of_column))
}

/// Whether a name is that of an object of Postgres itself, or in a schema that has tables here.
fn leads_to(schema: &Schema, names: &[String], is_of_postgres: impl Fn(&str) -> bool) -> bool {
    let has_tables = |name: &str| schema.tables().any(|table| table.parts.dataset == *name);
    match names {
        [own] => is_of_postgres(own) || has_tables("public"),
        [qualifier, own] if qualifier == "pg_catalog" => is_of_postgres(own),
        [qualifier, _] => has_tables(qualifier),
        _ => false,
    }
}

/// `de`, `de_DE`, `de_DE.utf8`, `de_DE@euro`, `de-AT-x-icu`.
fn is_locale(name: &str) -> bool {
    let name = name.strip_suffix("-x-icu").unwrap_or(name);
    let end = name.find(['_', '-', '.', '@']).unwrap_or(name.len());
    let (language, rest) = name.split_at(end);
    (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_lowercase())
        && rest.len() <= 32
        && rest.is_ascii()
}

impl Resolver<'_, '_> {
    /// Checks the collation of `x collate name`.
    pub fn collation(&mut self, name: &ObjectName) {
        let names = self.parts(name);
        if !is_collation(self.schema, &names) {
            self.no_object("collation", &names.join("."));
        }
    }

    /// Checks the configuration or dictionary that an argument names: `to_tsvector('english', body)`.
    pub fn configuration(&mut self, function: &str, arguments: &[FunctionArg]) {
        let is_configured = CONFIGURED
            .iter()
            .any(|(name, counts)| *name == function && counts.contains(&arguments.len()));
        let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(first))) = arguments.first() else {
            return;
        };
        let Some(written) = literal(first).filter(|_| is_configured) else {
            return;
        };
        let folded = match written.contains('"') {
            true => written,
            false => written.to_lowercase(),
        };
        let is_of_postgres = |name: &str| {
            CONFIGURATIONS.contains(&name) || function == "unaccent" && name == "unaccent"
        };
        let is_name = folded
            .chars()
            .all(|c| c.is_alphanumeric() || "_.\"$".contains(c));
        // `ts_headline('a text', query, options)` has a text there.
        let is_text = function == "ts_headline" && arguments.len() == 3 && !is_name;
        if !is_text && !leads_to(self.schema, &names_of(&folded), is_of_postgres) {
            self.no_object("text search configuration", &folded);
        }
    }

    fn no_object(&mut self, what: &str, written: &str) {
        let reason = format!(
            "{written} is not a {what} that can be used here: write one of pg_catalog, or one in a schema of the \
             tables here"
        );
        self.fault(FaultKind::Name, written, reason);
    }
}

/// The text of a literal, which may be in parentheses.
fn literal(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Nested(inner) => literal(inner),
        Expr::Value(value) => value.value.clone().into_string(),
        _ => None,
    }
}
