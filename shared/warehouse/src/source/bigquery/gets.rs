//! Reading by `tables.get`, which is free and returns everything about one table. For a family, the
//! newest and the oldest shard are read; if they differ, a binary search finds the shards where the
//! schema changed.

use std::collections::BTreeMap;

use futures::future::{self, BoxFuture, FutureExt as _};
use schema::compare::{self, ColumnChange};
use schema::document::{Column, ForeignKey, ShardVersion, Shards, Table};
use schema::family::{self, Family, ShardRun};
use schema::table_schema::TableResource;

use super::client::{Api, Client};
use super::failure::Failure;
use super::listing::newest;
use super::settings::Dataset;
use super::subject::Subject;
use crate::error::SourceError;
use crate::observer::Observer;

/// The fields to return. A full resource also has labels and much more.
const FIELDS: &str = "type,description,schema,\
     timePartitioning(type,field,requirePartitionFilter),rangePartitioning/field,\
     clustering/fields,requirePartitionFilter,tableConstraints,numRows,numBytes,\
     externalDataConfiguration(hivePartitioningOptions(requirePartitionFilter,fields)),\
     view/query,materializedView/query";

/// What was read under the name of a family or table.
pub(super) enum Found {
    Table(Box<Table>),
    /// It has been dropped since it was listed.
    Gone,
    /// Some shards share no column with the others: the family without them, and these tables.
    Unrelated(Vec<Family>),
}

impl From<Option<Table>> for Found {
    fn from(table: Option<Table>) -> Self {
        table.map_or(Self::Gone, |table| Self::Table(Box::new(table)))
    }
}

pub(super) struct TableReader<'a> {
    pub(super) client: &'a Client,
    pub(super) dataset: &'a Dataset,
    pub(super) observer: &'a dyn Observer,
}

impl TableReader<'_> {
    /// The table, or the family's newest shard under the family's name; none if a standalone table has
    /// been dropped since it was listed.
    pub(super) async fn table(&self, family: &Family) -> Result<Option<Table>, SourceError> {
        let member = newest(family);
        match self.get(&member).await {
            Ok(resource) => {
                let mut table = resource.into_table(self.dataset.table(&family.name));
                sort(&mut table.foreign_keys);
                Ok(Some(table))
            }
            Err(failure) if failure.is_not_found() && family.suffixes.len() < 2 => Ok(None),
            Err(failure) => Err(failure.about(Subject::Table(self.dataset, &member))),
        }
    }

    async fn get(&self, table: &str) -> Result<TableResource, Failure> {
        let path = [
            "projects",
            &self.dataset.project,
            "datasets",
            &self.dataset.name,
            "tables",
            table,
        ];
        let query = [("view", "BASIC"), ("fields", FIELDS)];
        self.client
            .get(Api::GetTable, &path, &query, self.observer)
            .await
    }

    /// Reads an unknown family or table. A change that was reverted between two shards with the same
    /// schema is not found.
    pub(super) async fn read_new(&self, family: &Family) -> Result<Found, SourceError> {
        let Some(last) = family.suffixes.len().checked_sub(1) else {
            return Ok(self.table(family).await?.into());
        };
        let (newest, oldest) = if last == 0 {
            (self.table(family).await?, None)
        } else {
            future::try_join(
                self.table(family),
                self.columns(family, 0).map(|oldest| oldest.map(Some)),
            )
            .await?
        };
        let Some(mut table) = newest else {
            return Ok(Found::Gone);
        };
        let mut starts = BTreeMap::new();
        if let Some(oldest) = &oldest {
            let known = ((0, &oldest[..]), (last, &table.columns[..]));
            self.boundaries(family, known.0, known.1, &mut starts)
                .await?;
        }
        let first = oldest.unwrap_or_else(|| table.columns.clone());
        starts.insert(0, first);
        let ends = starts.keys().skip(1).copied().chain([last + 1]);
        let runs: Vec<_> = starts
            .iter()
            .zip(ends)
            .map(|((start, columns), end)| ShardRun {
                first: family.suffixes[*start].clone(),
                last: family.suffixes[end - 1].clone(),
                count: (end - start) as u64,
                columns: columns.clone(),
            })
            .collect();
        let families = family::with_common_columns(family.clone(), |suffix| {
            let run = runs.iter().find(|run| suffix <= run.last.as_str())?;
            Some(&run.columns[..])
        });
        if families.len() > 1 {
            return Ok(Found::Unrelated(families));
        }
        table.shards = shards(family, family::drift(&runs));
        Ok(Found::Table(Box::new(table)))
    }

    async fn columns(&self, family: &Family, at: usize) -> Result<Vec<Column>, SourceError> {
        let member = family.member(&family.suffixes[at]);
        match self.get(&member).await {
            Ok(resource) => Ok(resource.into_table(self.dataset.table(&member)).columns),
            Err(failure) => Err(failure.about(Subject::Table(self.dataset, &member))),
        }
    }

    /// The first shard of each schema between two shards, by binary search.
    fn boundaries<'b>(
        &'b self,
        family: &'b Family,
        (old, before): (usize, &'b [Column]),
        (new, after): (usize, &'b [Column]),
        starts: &'b mut BTreeMap<usize, Vec<Column>>,
    ) -> BoxFuture<'b, Result<(), SourceError>> {
        async move {
            if same_shape(before, after) {
                return Ok(());
            }
            if old + 1 == new {
                starts.insert(new, after.to_vec());
                return Ok(());
            }
            let middle = old.midpoint(new);
            let between = self.columns(family, middle).await?;
            let mut later = BTreeMap::new();
            future::try_join(
                self.boundaries(family, (old, before), (middle, &between), starts),
                self.boundaries(family, (middle, &between), (new, after), &mut later),
            )
            .await?;
            starts.append(&mut later);
            Ok(())
        }
        .boxed()
    }
}

/// BigQuery returns foreign keys in no particular order.
pub(super) fn sort(keys: &mut [ForeignKey]) {
    keys.sort_by(|a, b| (&a.columns, &a.references).cmp(&(&b.columns, &b.references)));
}

/// Whether names, types and repetition are equal. Descriptions may differ between shards.
pub(super) fn same_shape(a: &[Column], b: &[Column]) -> bool {
    let mut same = true;
    compare::columns(a, b, &mut |_, change| {
        same &= matches!(
            change,
            ColumnChange::Mode(..)
                | ColumnChange::Description(..)
                | ColumnChange::PolicyTags(..)
                | ColumnChange::Detail(..)
        );
    });
    same
}

/// The shards entry of a family, without what else its wildcard matches; none for a standalone table.
pub(super) fn shards(family: &Family, versions: Vec<ShardVersion>) -> Option<Shards> {
    Some(Shards {
        count: family.suffixes.len() as u64,
        first: family.suffixes.first()?.clone(),
        last: family.suffixes.last()?.clone(),
        versions,
        ..Shards::default()
    })
}

/// The known versions applied to the current shards: expired shards leave, and new ones belong to the
/// newest version.
pub(super) fn carry_versions(known: &[ShardVersion], family: &Family) -> Vec<ShardVersion> {
    let mut versions: Vec<ShardVersion> = Vec::new();
    let mut at = None;
    for suffix in &family.suffixes {
        let of = known
            .iter()
            .rposition(|version| version.first <= *suffix)
            .unwrap_or(0);
        match versions.last_mut().filter(|_| at == Some(of)) {
            Some(version) => {
                version.last.clone_from(suffix);
                version.count += 1;
            }
            None => versions.push(ShardVersion {
                first: suffix.clone(),
                last: suffix.clone(),
                count: 1,
                // The first version has no predecessor to compare with.
                changes: match (versions.is_empty(), known.get(of)) {
                    (false, Some(version)) => version.changes.clone(),
                    _ => Vec::new(),
                },
            }),
        }
        at = Some(of);
    }
    versions
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::document::{Drift, DriftKind};

    #[test]
    fn known_versions_are_applied_to_the_current_shards() {
        let added = |path: &str| Drift {
            path: path.into(),
            kind: DriftKind::Added,
            from: None,
            to: Some("INT64".into()),
            breaks_wildcard: false,
        };
        let version = |first: &str, last: &str, count, changes| ShardVersion {
            first: first.into(),
            last: last.into(),
            count,
            changes,
        };
        let known = [
            version("20210101", "20210102", 2, vec![]),
            version("20210103", "20210104", 2, vec![added("b")]),
            version("20210105", "20210105", 1, vec![added("c")]),
        ];
        let family = |suffixes: &[&str]| Family {
            name: "events_*".into(),
            suffixes: suffixes.iter().map(|suffix| (*suffix).to_owned()).collect(),
        };
        assert_eq!(
            carry_versions(
                &known,
                &family(&["20210102", "20210103", "20210104", "20210105", "20210106"])
            ),
            [
                version("20210102", "20210102", 1, vec![]),
                version("20210103", "20210104", 2, vec![added("b")]),
                version("20210105", "20210106", 2, vec![added("c")]),
            ]
        );
        assert_eq!(
            carry_versions(&known, &family(&["20210104", "20210107"])),
            [
                version("20210104", "20210104", 1, vec![]),
                version("20210107", "20210107", 1, vec![added("c")]),
            ]
        );
    }
}
