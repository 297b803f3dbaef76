//! Reads the catalog: the tables, and what the role may not read.

use std::collections::BTreeSet;

use platform::excerpt::excerpt;
use platform::postgres::types::{ToSql, Type};
use platform::postgres::{Pool, describe};
use schema::document::{Extension, Problem, Table};
use tokio_postgres::{IsolationLevel, Transaction};

use super::columns::Columns;
use super::links::Links;
use super::omission::{missing_schemas, nothing_to_read, unreadable};
use super::relation::Relation;
use super::text::Text;
use super::types::Types;
use super::{definitions, extensions, hiding};
use crate::error::SourceError;
use crate::observer::Observer;
use crate::source::Reading;

/// Type names include their schema, whatever the role's search path is. The queries are too short to
/// compile. A database without an encoding would refuse to send bytes that are not UTF-8.
const SETTINGS: &str = "
    set local search_path = pg_catalog;
    set local statement_timeout = '60s';
    set local lock_timeout = '5s';
    set local jit = off;
    select set_config('client_encoding', 'SQL_ASCII', true)
    where current_setting('server_encoding') = 'SQL_ASCII'";

/// Runs the catalog queries in one snapshot.
struct Catalog<'a> {
    db: Transaction<'a>,
    observer: &'a dyn Observer,
}

/// Reads the tables, and the extensions if they can be read.
pub(super) async fn read(
    pool: &Pool,
    schemas: Option<&[String]>,
    known: &[Table],
    observer: &dyn Observer,
) -> Result<(Reading, Option<Vec<Extension>>), SourceError> {
    let mut client = pool.get().await?;
    // One snapshot, so that a table that changes meanwhile is read consistently.
    let db = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    db.batch_execute(SETTINGS).await?;
    let catalog = Catalog { db, observer };

    let named = schemas.unwrap_or_default();
    let names = Type::TEXT_ARRAY;
    observer.request();
    let place = catalog
        .db
        .query_typed_one(include_str!("schemas.sql"), &[(&named, names.clone())])
        .await?;
    let database: Text = place.try_get("database")?;
    let database = database.lossy();
    let role: Text = place.try_get("role")?;
    let role = role.lossy();
    let mut omitted = missing_schemas(named, database, role, &place)?;

    observer.request();
    let rows = catalog
        .db
        .query_typed(include_str!("tables.sql"), &[(&schemas, names)])
        .await?;
    let mut relations = Vec::with_capacity(rows.len());
    let mut problems = Vec::new();
    for row in &rows {
        match Relation::from_row(database, row)? {
            Ok(relation) => relations.push(relation),
            Err(problem) => problems.push(problem),
        }
    }
    let expected: BTreeSet<&str> = known.iter().map(Table::dataset).collect();
    for unread in unreadable(&relations, role, &expected) {
        if omitted.iter().all(|it| it.what != unread.what) {
            omitted.push(unread);
        }
    }
    relations.retain(|it| it.readable);
    if relations.is_empty() && !omitted.is_empty() {
        return Err(nothing_to_read(&omitted));
    }
    let views = definitions::read(&catalog.db, &mut relations, known, observer).await?;
    problems.extend(views);
    let (tables, more) = catalog.tables(database, role, relations).await?;
    problems.extend(more);
    // Last, because an error ends the transaction.
    observer.request();
    let extensions = extensions::read(&catalog.db).await;
    problems.extend(extensions.as_ref().err().map(|error| {
        let detail = format!(
            "the extensions of the database could not be read ({}), so those that are known stay",
            excerpt(&describe(error))
        );
        Problem::general("extensions", detail)
    }));
    let reading = Reading {
        tables,
        unread: omitted
            .iter()
            .filter(|it| it.exists)
            .map(|it| it.what.clone())
            .collect(),
        problems: omitted
            .into_iter()
            .filter(|it| it.is_reported)
            .map(|it| it.problem)
            .chain(problems)
            .collect(),
        remedy: None,
    };
    Ok((reading, extensions.ok()))
}

impl Catalog<'_> {
    /// The relations as tables, with columns and links.
    async fn tables(
        &self,
        database: &str,
        role: &str,
        relations: Vec<Relation>,
    ) -> Result<(Vec<Table>, Vec<Problem>), SourceError> {
        let oids: Vec<u32> = relations.iter().map(|relation| relation.oid).collect();
        let Self { db, observer } = self;
        let of_oids = [(&oids as &(dyn ToSql + Sync), Type::OID_ARRAY)];
        observer.request();
        let rows = db.query_typed(include_str!("types.sql"), &of_oids).await?;
        let mut columns = Columns::new(Types::from_rows(&rows)?);
        let with_columns = [&oids[..], &columns.relations()].concat();
        observer.request();
        let rows = db
            .query_typed(
                include_str!("columns.sql"),
                &[(&with_columns, Type::OID_ARRAY)],
            )
            .await?;
        columns.add(&rows)?;

        let mut links = Links::default();
        observer.request();
        let rows = db.query_typed(include_str!("keys.sql"), &of_oids).await?;
        links.add_keys(database, &rows)?;
        observer.request();
        let rows = db
            .query_typed(include_str!("inheritance.sql"), &of_oids)
            .await?;
        links.add_inheritance(database, &rows)?;

        let mut problems = Vec::new();
        let trees = columns.trees(&oids);
        let tables = relations.into_iter().zip(trees).map(|(relation, tree)| {
            problems.extend(bad_texts(&relation, &columns));
            let mut table = relation.table;
            (table.columns, table.cut) = tree;
            links.apply(relation.oid, &mut table);
            (table, columns.hidden(relation.oid).to_vec())
        });
        let mut tables: Vec<(Table, Vec<String>)> = tables.collect();
        self.observer.request();
        let all = [(
            &None::<Vec<String>> as &(dyn ToSql + Sync),
            Type::TEXT_ARRAY,
        )];
        let rows = self
            .db
            .query_typed(include_str!("hidden.sql"), &all)
            .await?;
        let names = rows.iter().map(|row| row.try_get::<_, Text>("name"));
        let names: Vec<Text> = names.collect::<Result<_, _>>()?;
        let names = names.into_iter().filter_map(Text::valid);
        problems.extend(hiding::clear(&mut tables, names, role));
        let tables = tables.into_iter().map(|(table, _)| table).collect();
        Ok((tables, problems))
    }
}

/// The problem that names the texts of a table that are not UTF-8.
fn bad_texts(relation: &Relation, columns: &Columns) -> Option<Problem> {
    let comment = relation.has_bad_comment.then(|| "its comment".to_owned());
    let bad: Vec<String> = comment
        .into_iter()
        .chain(columns.bad_texts(relation.oid))
        .collect();
    (!bad.is_empty()).then(|| {
        let detail = format!(
            "omitted, because it is not UTF-8: {}; the database stores any bytes (SQL_ASCII), so write \
             these texts again in UTF-8",
            bad.join(", ")
        );
        Problem::of_table(&relation.table.parts, detail)
    })
}
