//! Reads the extensions of the database, whose functions, types and operators a query may use.

use schema::document::Extension;
use tokio_postgres::{Row, Transaction};

use super::text::Text;

pub(super) async fn read(db: &Transaction<'_>) -> Result<Vec<Extension>, tokio_postgres::Error> {
    let rows = db.query_typed(include_str!("extensions.sql"), &[]).await?;
    let mut extensions = Vec::new();
    for row in &rows {
        let (Some(name), Some(schema)) = (text(row, "name")?, text(row, "schema")?) else {
            continue;
        };
        let extension = Extension {
            name,
            schema,
            types: texts(row, "types")?,
            functions: texts(row, "functions")?,
            operators: texts(row, "operators")?,
        };
        let parts = [&extension.types, &extension.functions, &extension.operators];
        if parts.iter().any(|names| !names.is_empty()) {
            extensions.push(extension);
        }
    }
    Ok(extensions)
}

/// A name; none if it is not UTF-8, so that no query can have it.
fn text(row: &Row, column: &str) -> Result<Option<String>, tokio_postgres::Error> {
    Ok(row.try_get::<_, Text>(column)?.valid())
}

fn texts(row: &Row, column: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let names: Vec<Text> = row.try_get(column)?;
    Ok(names.into_iter().filter_map(Text::valid).collect())
}
