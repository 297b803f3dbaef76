//! Reads the queries of views.

use std::collections::HashMap;

use platform::excerpt::excerpt;
use platform::postgres::describe;
use platform::postgres::types::Type;
use schema::document::{Definition, Problem, Table};
use tokio_postgres::Transaction;

use super::relation::Relation;
use super::text::Text;
use crate::observer::Observer;

/// Sets the queries of views. Postgres locks the tables of a view to print its query, which fails if a
/// migration has locked them. The views then keep the queries that are known, and the problem says so.
pub(super) async fn read(
    db: &Transaction<'_>,
    relations: &mut [Relation],
    known: &[Table],
    observer: &dyn Observer,
) -> Result<Option<Problem>, tokio_postgres::Error> {
    let views = relations.iter_mut();
    let views: Vec<&mut Relation> = views.filter(|it| it.table.kind.is_view()).collect();
    if views.is_empty() {
        return Ok(None);
    }
    observer.request();
    db.batch_execute("savepoint definitions").await?;
    let oids: Vec<u32> = views.iter().map(|view| view.oid).collect();
    let sql = include_str!("definitions.sql");
    match db.query_typed(sql, &[(&oids, Type::OID_ARRAY)]).await {
        Ok(rows) => {
            let mut of_views: HashMap<u32, Option<String>> = HashMap::new();
            for row in &rows {
                let text: Option<Text> = row.try_get("definition")?;
                of_views.insert(row.try_get("oid")?, text.and_then(Text::valid));
            }
            for view in views {
                let text = of_views.get(&view.oid).and_then(Option::as_deref);
                view.table.definition = text.and_then(Definition::read);
            }
            Ok(None)
        }
        Err(error) if error.as_db_error().is_some() => {
            db.batch_execute("rollback to savepoint definitions")
                .await?;
            let known: HashMap<&str, &Table> = known
                .iter()
                .map(|table| (table.name.as_str(), table))
                .collect();
            for view in views {
                let known = known.get(view.table.name.as_str());
                view.table.definition = known.and_then(|it| it.definition.clone());
            }
            let detail = format!(
                "the queries of views could not be read ({}), so those that are known stay until the \
                 next sync",
                excerpt(&describe(&error))
            );
            Ok(Some(Problem::general("views", detail)))
        }
        Err(error) => Err(error),
    }
}
