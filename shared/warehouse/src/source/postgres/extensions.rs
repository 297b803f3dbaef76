//! Reads the extensions of the database, whose functions, types and operators a query may use.

use platform::postgres::Pool;
use schema::document::Extension;

use crate::error::SourceError;
use crate::observer::Observer;

pub(super) async fn read(
    pool: &Pool,
    observer: &dyn Observer,
) -> Result<Vec<Extension>, SourceError> {
    let client = pool.get().await?;
    observer.request();
    let sql = include_str!("extensions.sql");
    let rows = client.query_typed(sql, &[]).await?;
    let mut extensions = Vec::new();
    for row in &rows {
        let extension = Extension {
            name: row.try_get("name")?,
            schema: row.try_get("schema")?,
            types: row.try_get("types")?,
            functions: row.try_get("functions")?,
            operators: row.try_get("operators")?,
        };
        let parts = [&extension.types, &extension.functions, &extension.operators];
        if parts.iter().any(|names| !names.is_empty()) {
            extensions.push(extension);
        }
    }
    Ok(extensions)
}
