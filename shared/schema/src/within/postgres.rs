//! The schemas of a Postgres database that are out of a scope. A document lists those with tables, but others
//! may have the types, functions and sequences of a visible table.

use platform::auth::Names;

use crate::Dialect;
use crate::document::Document;
use crate::name::dataset_id;

/// The database of the schemas; none if the document is not of Postgres.
pub(super) fn database(document: &Document) -> Option<&str> {
    let is_postgres = document.source.dialect == Dialect::Postgres;
    let mut tables = document.tables.iter().filter(|_| is_postgres);
    let table = tables.find(|table| !table.parts.is_unknown())?;
    Some(&table.parts.project)
}

/// Whether a schema is out of the scope.
pub(super) fn is_outside(schema: &str, database: &str, datasets: &Names) -> bool {
    schema != "pg_catalog" && !datasets.contain(&dataset_id(database, schema))
}

/// The names with a schema in an expression, `schema.name`. Literals count only if something is looked up
/// by them.
pub(super) fn qualifiers(expression: &str) -> Vec<(String, String)> {
    let reads_literals = expression.contains("::reg");
    let mut found = Vec::new();
    // The name before a dot, the last name, and whether it begins a path.
    let mut qualifier: Option<String> = None;
    let mut name: Option<String> = None;
    let mut rest = expression.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\'' if !reads_literals => {
                for inside in rest.by_ref() {
                    if inside == '\'' {
                        break;
                    }
                }
                (qualifier, name) = (None, None);
            }
            '"' => {
                let mut quoted = String::new();
                while let Some(inside) = rest.next() {
                    if inside == '"' && rest.next_if_eq(&'"').is_none() {
                        break;
                    }
                    quoted.push(inside);
                }
                end(&mut qualifier, quoted, &mut name, &mut found);
            }
            '.' => qualifier = name.take(),
            start if start.is_alphabetic() || start == '_' => {
                let mut word = start.to_string();
                while let Some(next) =
                    rest.next_if(|it| it.is_alphanumeric() || *it == '_' || *it == '$')
                {
                    word.push(next);
                }
                end(&mut qualifier, word, &mut name, &mut found);
            }
            _ => (qualifier, name) = (None, None),
        }
    }
    found
}

/// Ends a name, which has the qualifier before it.
fn end(
    qualifier: &mut Option<String>,
    written: String,
    name: &mut Option<String>,
    found: &mut Vec<(String, String)>,
) {
    if let Some(schema) = qualifier.take() {
        found.push((schema, written));
        // The rest of a longer path.
        *name = None;
    } else {
        *name = Some(written);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_with_a_schema_in_an_expression_are_found() {
        for (expression, expected) in [
            ("hr.today()", &[("hr", "today")][..]),
            ("0.5", &[]),
            ("'a.b'::text", &[]),
            ("'sad'::hr.mood", &[("hr", "mood")]),
            ("nextval('hr.seq'::regclass)", &[("hr", "seq")]),
            ("(\"My S\".\"f\"(a) + b)", &[("My S", "f")]),
            ("(place).street", &[]),
            ("now()", &[]),
        ] {
            let found = qualifiers(expression);
            let found = found.iter().map(|(a, b)| (a.as_str(), b.as_str()));
            assert_eq!(found.collect::<Vec<_>>(), expected, "{expression}");
        }
    }
}
