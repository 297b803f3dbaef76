//! A table, view or foreign table as the catalog lists it, without columns.

use schema::description::short;
use schema::document::{DescriptionSource, Partitioning, Problem, Table, TableKind};
use schema::name::dataset_id;
use tokio_postgres::Row;

use super::text::Text;

pub(super) struct Relation {
    pub(super) oid: u32,
    /// Whether the role may use its schema.
    pub(super) usable: bool,
    pub(super) readable: bool,
    /// `schema.table`, quoted if SQL needs it.
    pub(super) quoted: String,
    pub(super) table: Table,
    pub(super) has_bad_comment: bool,
}

impl Relation {
    /// The relation, or a problem if its name is not UTF-8.
    pub(super) fn from_row(
        database: &str,
        row: &Row,
    ) -> Result<Result<Self, Problem>, tokio_postgres::Error> {
        let schema: Text = row.try_get("schema")?;
        let name: Text = row.try_get("name")?;
        let (Text::Valid(schema), Text::Valid(name)) = (&schema, &name) else {
            let detail = format!(
                "the name of {}.{} is not UTF-8, so the table is omitted: rename it",
                schema.lossy(),
                name.lossy()
            );
            let dataset = dataset_id(database, schema.lossy());
            return Ok(Err(Problem::of_dataset(dataset, detail)));
        };
        let kind = match row.try_get("kind")? {
            "v" => TableKind::View,
            "m" => TableKind::MaterializedView,
            "f" => TableKind::External,
            _ => TableKind::Table,
        };
        let mut table = Table::new([database, schema, name], kind);
        let description: Option<Text> = row.try_get("description")?;
        let has_bad_comment = description.as_ref().is_some_and(Text::is_bad);
        let description = description.and_then(Text::valid);
        table.description = description.as_deref().map(short);
        table.description_source = table
            .description
            .is_some()
            .then_some(DescriptionSource::Warehouse);
        table.set_size(whole(row.try_get("tuples")?), whole(row.try_get("bytes")?));
        let unit: Option<String> = row.try_get("partition_unit")?;
        let key: Option<Text> = row.try_get("partition_key")?;
        let key = key.and_then(Text::valid);
        table.partitioning = unit
            .zip(key)
            .map(|(unit, column)| Partitioning { column, unit });
        let quoted: Text = row.try_get("quoted")?;
        Ok(Ok(Self {
            oid: row.try_get("oid")?,
            usable: row.try_get("usable")?,
            readable: row.try_get("readable")?,
            quoted: quoted.lossy().to_owned(),
            table,
            has_bad_comment,
        }))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "estimates, never negative and far below 2^64"
)]
fn whole(estimate: Option<f64>) -> Option<u64> {
    estimate.map(|estimate| estimate.round() as u64)
}
