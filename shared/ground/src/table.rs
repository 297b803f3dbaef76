//! Names in `from`: a `with` table, an array of a preceding relation, or a table of the schema.

use std::borrow::Cow;
use std::rc::Rc;

use schema::Dialect;
use schema::document::{Table, TableKind};
use schema::name::TableName;
use sqlparser::ast::{ObjectName, TableFactor, TableSampleKind, TableVersion};

use crate::resolver::Resolver;
use crate::scope::{Relation, Scope};
use crate::shard::columns_at;
use crate::tables::TableMatch;
use crate::types::{self, Field, Origin, SuffixRange, Type};

impl Resolver<'_, '_> {
    pub fn table_factor(&mut self, factor: &TableFactor, scope: &mut Scope) {
        let TableFactor::Table {
            name,
            alias,
            args,
            with_hints,
            version,
            with_ordinality,
            partitions,
            json_path,
            sample,
            index_directives,
            inheritance,
        } = factor
        else {
            return;
        };
        if let Some(args) = args {
            if args.settings.is_some() {
                self.unsupported("settings of a table function");
            }
            let alias = alias.as_ref();
            return self.table_function(name, &args.args, *with_ordinality, alias, scope);
        }
        if !with_hints.is_empty() || !partitions.is_empty() || !index_directives.is_empty() {
            self.unsupported("a hint after a table");
        }
        if inheritance.is_some() {
            self.only_in(Dialect::Postgres, "only before a table");
        }
        if json_path.is_some() {
            self.unsupported("a path after a table");
        }
        match version {
            None => {}
            Some(TableVersion::ForSystemTimeAsOf(time)) => {
                self.only_in(Dialect::Bigquery, "for system_time as of");
                self.expression(time, &Scope::new(self.dialect, None));
            }
            Some(_) => self.unsupported("this version of a table"),
        }
        if let Some(
            TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample),
        ) = sample
        {
            if sample.bucket.is_some() || sample.offset.is_some() {
                self.unsupported("this kind of tablesample");
            }
            if let Some(quantity) = &sample.quantity {
                self.expression(&quantity.value, &Scope::new(self.dialect, None));
            }
        }
        let mut relation = self.named(name, scope);
        self.apply_alias(&mut relation, alias.as_ref());
        relation.name_value();
        self.add(relation, scope);
    }

    /// Resolves a name in `from`: a `with` table, an array of a preceding relation, or a table.
    fn named(&mut self, name: &ObjectName, scope: &Scope) -> Relation {
        let parts = self.parts(name);
        if let [single] = parts.as_slice() {
            let cte = self
                .ctes
                .iter()
                .rev()
                .find(|cte| self.same(&cte.name, single));
            if let Some(cte) = cte {
                let alias = Some(cte.name.clone());
                return cte.output.clone().relation(alias);
            }
        } else if self.dialect == Dialect::Bigquery
            && let Some(relation) = self.array_path(&parts, scope)
        {
            return relation;
        }
        match self.schema.find(&parts) {
            Ok(found) => self.table(&found),
            Err(fault) => {
                self.push(fault);
                Relation {
                    alias: parts.last().cloned(),
                    is_open: true,
                    ..Relation::default()
                }
            }
        }
    }

    /// `from t, t.items`: an array of a preceding relation.
    fn array_path(&mut self, parts: &[String], scope: &Scope) -> Option<Relation> {
        let first = parts.first()?;
        scope.relation(first)?;
        let (array, _) = self.column(parts, scope);
        let mut relation = self.unnested(&[array], &parts.join("."));
        relation.alias = parts.last().cloned();
        Some(relation)
    }

    fn table(&mut self, found: &TableMatch) -> Relation {
        let Some(newest) = found.tables.iter().max_by_key(|table| &table.name) else {
            return Relation::default();
        };
        let columns = match &found.suffix {
            Some(suffix) => columns_at(newest, suffix),
            None => Cow::Borrowed(newest.columns.as_slice()),
        };
        for table in &found.tables {
            self.require_filter(table, &newest.name);
        }
        self.tables
            .extend(found.tables.iter().map(|table| table.name.clone()));
        // BigQuery reads each table of a wildcard with the columns of the newest one.
        let name: Rc<str> = Rc::from(newest.name.as_str());
        let mut fields = types::fields(&name, "", &columns, self.dialect);
        if self.dialect == Dialect::Bigquery {
            let suffix = found.wildcard.then(|| self.suffix_type(found, &name));
            let suffix = suffix.map(|it| Field::hidden("_TABLE_SUFFIX", it));
            fields.extend(suffix.into_iter().chain(pseudo_columns(newest, &name)));
        }
        let TableName {
            project, dataset, ..
        } = &newest.parts;
        let path = match self.dialect {
            Dialect::Postgres => vec![project.clone(), dataset.clone()],
            Dialect::Bigquery => {
                let project = project.split('.').map(str::to_owned);
                project.chain([dataset.clone()]).collect()
            }
        };
        let last = newest.own_name();
        let alias = match found.wildcard {
            true => format!("{}*", found.prefix),
            false if last.ends_with('*') => found.prefix.clone(),
            false => last.to_owned(),
        };
        Relation {
            alias: Some(alias),
            path,
            fields,
            value: None,
            is_open: false,
            is_cut: false,
            only_qualified: false,
        }
    }

    /// The type of `_TABLE_SUFFIX` of a wildcard, which is noted.
    fn suffix_type(&mut self, found: &TableMatch, name: &Rc<str>) -> Type {
        let [table] = found.tables.as_slice() else {
            return Type::Scalar;
        };
        let (Some(shards), Some(start)) = (&table.shards, family_start(table, &found.prefix))
        else {
            return Type::Scalar;
        };
        let read = self.wildcards.read(table, start);
        // With `events_2021*` the suffix is what follows the year.
        let rest = |suffix: &str, filler: &str| match suffix.strip_prefix(start) {
            Some(rest) => rest.to_owned(),
            None => filler.repeat(suffix.len().saturating_sub(start.len())),
        };
        Type::Suffix(Rc::new(SuffixRange {
            table: Rc::clone(name),
            read,
            query: self.conditions.query,
            start: start.to_owned(),
            first: rest(&shards.first, "0"),
            last: rest(&shards.last, "9"),
        }))
    }
}

fn pseudo_columns(table: &Table, name: &Rc<str>) -> Vec<Field> {
    let of_partition = |path: &str| Field {
        origin: Some(Rc::new(Origin {
            table: Rc::clone(name),
            path: path.to_owned(),
            is_pseudo: true,
        })),
        ..Field::hidden(path, Type::Scalar)
    };
    let mut fields = Vec::new();
    if let Some(partitioning) = &table.partitioning
        && partitioning.column.eq_ignore_ascii_case("_PARTITIONTIME")
    {
        fields.push(of_partition("_PARTITIONTIME"));
        if partitioning.unit.eq_ignore_ascii_case("DAY") {
            fields.push(of_partition("_PARTITIONDATE"));
        }
    }
    if table.kind == TableKind::External {
        fields.push(Field::hidden("_FILE_NAME", Type::Scalar));
    }
    fields
}

/// What a wildcard's name has of the suffixes of a family: `2024` of `events_2024*`.
fn family_start<'p>(table: &Table, prefix: &'p str) -> Option<&'p str> {
    prefix.strip_prefix(table.own_name().trim_end_matches('*'))
}
