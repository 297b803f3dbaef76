//! The names that a scope must not see.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use platform::auth::Names;

use super::fields::HiddenFields;
use super::names::qualified;
use super::paths::Paths;
use super::postgres;
use super::sql::Sql;
use crate::Dialect;
use crate::document::{Column, Document, Extension, Table};
use crate::mentions::Mentions;
use crate::name::{TableName, dataset_id};

/// Names, each with the datasets that have it.
#[derive(Default)]
pub(super) struct Named {
    names: Mentions,
    /// In lower case.
    datasets_of: HashMap<String, HashSet<String>>,
}

impl Named {
    /// The names of a document.
    pub(super) fn of(document: &Document) -> Self {
        let mut named = Self::default();
        for (dataset, name) in super::names(document) {
            named.add(&dataset, &name);
        }
        named.indexed()
    }

    /// The columns and fields of a document. A field belongs to the dataset of the type that it is part of.
    fn of_columns(document: &Document, types: &Self) -> Self {
        let has_types = document.source.dialect == Dialect::Postgres;
        let mut named = Self::default();
        for table in &document.tables {
            let of_type = |data_type: &str| {
                let names = qualified(data_type).filter(|(schema, _)| schema != "pg_catalog");
                match names {
                    _ if !has_types => None,
                    Some((schema, _)) => {
                        let dataset = dataset_id(&table.parts.project, &schema);
                        Some(HashSet::from([dataset]))
                    }
                    None => types.datasets_of.get(&data_type.to_lowercase()).cloned(),
                }
            };
            let own = HashSet::from([table.dataset().to_owned()]);
            named.add_columns(&table.columns, &own, &of_type);
        }
        named.indexed()
    }

    fn add_columns(
        &mut self,
        columns: &[Column],
        datasets: &HashSet<String>,
        of_type: &impl Fn(&str) -> Option<HashSet<String>>,
    ) {
        for column in columns {
            for dataset in datasets {
                self.add(dataset, &column.name);
            }
            if !column.fields.is_empty() {
                let of_fields = of_type(column.data_type.trim_end_matches("[]"));
                self.add_columns(
                    &column.fields,
                    of_fields.as_ref().unwrap_or(datasets),
                    of_type,
                );
            }
        }
    }

    fn add(&mut self, dataset: &str, name: &str) {
        let datasets = self.datasets_of.entry(name.to_lowercase()).or_default();
        if !datasets.contains(dataset) {
            datasets.insert(dataset.to_owned());
        }
    }

    fn indexed(mut self) -> Self {
        self.names = Mentions::of(self.datasets_of.keys().cloned());
        self
    }

    /// Whether a text mentions a name that no dataset of the scope has.
    fn are_hidden_in(&self, text: &str, scope: &Names) -> bool {
        self.names.any_in(text, |name| !self.is_seen(name, scope))
    }

    fn is_seen(&self, name: &str, scope: &Names) -> bool {
        let datasets = self.datasets_of.get(name);
        datasets.is_some_and(|datasets| match scope {
            Names::Only(ids) if ids.len() < datasets.len() => {
                ids.iter().any(|id| datasets.contains(id))
            }
            scope => datasets.iter().any(|id| scope.contain(id)),
        })
    }
}

/// The names that a scope must not see.
pub(super) struct Hidden<'a> {
    named: &'a Named,
    columns: &'a OnceCell<Named>,
    document: &'a Document,
    scope: &'a Names,
    /// The database of a Postgres warehouse.
    database: Option<&'a str>,
    /// The fields of hidden types in tables, by the name of the table.
    fields: RefCell<HashMap<&'a str, Rc<HiddenFields>>>,
}

impl<'a> Hidden<'a> {
    pub(super) fn from(
        named: &'a Named,
        columns: &'a OnceCell<Named>,
        document: &'a Document,
        scope: &'a Names,
    ) -> Self {
        Self {
            named,
            columns,
            document,
            scope,
            database: postgres::database(document),
            fields: RefCell::default(),
        }
    }

    pub(super) fn are_in(&self, text: &str) -> bool {
        self.named.are_hidden_in(text, self.scope)
    }

    pub(super) fn sql<'s>(&self, text: &'s str) -> Sql<'s> {
        Sql::of(text, self.document.source.dialect)
    }

    /// Whether a query of these tables names something hidden with a qualifier. A bare name is a column, an alias or a
    /// value, whatever else has the name.
    pub(super) fn is_named_in(&self, sql: &Sql, tables: &[&Table]) -> bool {
        let Some(paths) = Paths::of(sql) else {
            return self.are_in(sql.text);
        };
        let is_own = |name: &str| {
            let name = name.to_lowercase();
            let is_name = |own: &str| own.to_lowercase() == name;
            tables.iter().any(|table| {
                let TableName {
                    project, dataset, ..
                } = &table.parts;
                // A project of BigQuery, such as `example.com:shop-1`, may be read as several words. A query names one
                // by the first or the last.
                let first = project.split('.').next().unwrap_or_default();
                let last = project.rsplit(['-', '.', ':']).next().unwrap_or_default();
                let parts = [project.as_str(), dataset, first, last];
                parts.into_iter().any(is_name) || table.columns.iter().any(|it| is_name(&it.name))
            })
        };
        let mut qualified = paths.qualified.iter();
        qualified.any(|path| match &path.names[..] {
            [.., schema, name] if path.is_no_column && self.is_postgres() => {
                let is_of_extension = schema == "public" && self.is_of_extension(name);
                self.has_schema(schema) && !is_of_extension
            }
            [.., dataset, _] if path.is_no_column => {
                self.are_in(dataset) && self.is_hidden_dataset(dataset)
            }
            [first, ..] => self.are_in(first) && !paths.may_define(first) && !is_own(first),
            [] => false,
        })
    }

    /// Whether a name is that of a hidden dataset, rather than of a table.
    fn is_hidden_dataset(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        let of_tables = self.document.tables.iter().map(|table| &table.parts);
        let mut of_tables = of_tables.map(|parts| (parts.dataset_id(), parts.dataset.as_str()));
        let ids = self.document.source.datasets.iter();
        let mut of_source = ids.map(|id| (id.as_str(), id.rsplit('.').next().unwrap_or_default()));
        let is_it =
            |(id, dataset): (&str, &str)| dataset.to_lowercase() == name && !self.scope.contain(id);
        of_tables.any(is_it) || of_source.any(is_it)
    }

    /// The fields of hidden types in a table of the document.
    pub(super) fn fields(&self, table: &'a Table) -> Rc<HiddenFields> {
        let mut known = self.fields.borrow_mut();
        let known = known.entry(&table.name);
        Rc::clone(known.or_insert_with(|| Rc::new(HiddenFields::of(table, self))))
    }

    /// Whether a text names what may be a field of a hidden type. Of a table that is gone, the types are unknown.
    pub(super) fn may_be_fields_in(&self, text: &str) -> bool {
        self.has_row_types() && self.columns_are_in(text)
    }

    /// Whether a column may have the fields of a table that its reader may not see.
    pub(super) fn has_row_types(&self) -> bool {
        self.document.source.dialect == Dialect::Postgres
    }

    /// Whether a text names a column or field that only hidden tables and types have.
    pub(super) fn columns_are_in(&self, text: &str) -> bool {
        let of_columns = || Named::of_columns(self.document, self.named);
        let columns = self.columns.get_or_init(of_columns);
        columns.are_hidden_in(text, self.scope)
    }

    /// Whether a schema of Postgres is hidden. It may have no tables.
    pub(super) fn has_schema(&self, schema: &str) -> bool {
        self.database
            .is_some_and(|database| postgres::is_outside(schema, database, self.scope))
    }

    pub(super) fn is_postgres(&self) -> bool {
        self.database.is_some()
    }

    /// Whether this is a type or function of an extension, whose name is no secret.
    pub(super) fn is_of_extension(&self, name: &str) -> bool {
        let extensions = self.document.source.extensions.as_deref();
        let is_of = |extension: &Extension| {
            let mut names = extension.types.iter().chain(&extension.functions);
            names.any(|known| known == name)
        };
        extensions.unwrap_or_default().iter().any(is_of)
    }
}
