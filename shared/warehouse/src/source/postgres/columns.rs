//! Columns and their types: arrays are repeated, composites are nested, domains are resolved.
//!
//! Composite types nest wherever they are used, so that a few types expand to millions of fields. They are
//! expanded within [`bounds`].

use std::collections::HashMap;

use schema::bounds::{self, Budget, MAX_TABLES_BYTES};
use schema::document::{Column, DescriptionSource, Mode};
use tokio_postgres::{Error, Row};

/// BigQuery's limit on nesting; Postgres has none.
const MAX_DEPTH: usize = 15;

pub(super) struct Columns {
    types: HashMap<u32, TypeInfo>,
    of_relations: HashMap<u32, Vec<RawColumn>>,
}

struct TypeInfo {
    kind: TypeKind,
    description: Option<String>,
}

enum TypeKind {
    Array {
        element: u32,
    },
    Domain {
        base: u32,
        name: String,
        required: bool,
    },
    Composite {
        relation: u32,
    },
    Other,
}

struct RawColumn {
    name: String,
    type_oid: u32,
    type_name: String,
    required: bool,
    description: Option<String>,
}

impl Columns {
    pub(super) fn of_types(rows: &[Row]) -> Result<Self, Error> {
        let mut types = HashMap::new();
        for row in rows {
            let kind = match row.try_get("kind")? {
                "array" => TypeKind::Array {
                    element: row.try_get("inner_type")?,
                },
                "domain" => TypeKind::Domain {
                    base: row.try_get("inner_type")?,
                    name: row.try_get("base_name")?,
                    required: row.try_get("required")?,
                },
                "composite" => TypeKind::Composite {
                    relation: row.try_get("relation")?,
                },
                _ => TypeKind::Other,
            };
            let description = row.try_get("description")?;
            types.insert(row.try_get("oid")?, TypeInfo { kind, description });
        }
        Ok(Self {
            types,
            of_relations: HashMap::new(),
        })
    }

    /// The relations of the composite types, which hold their fields.
    pub(super) fn relations(&self) -> Vec<u32> {
        let kinds = self.types.values().map(|info| &info.kind);
        kinds
            .filter_map(|kind| match kind {
                TypeKind::Composite { relation } => Some(*relation),
                _ => None,
            })
            .collect()
    }

    pub(super) fn add(&mut self, rows: &[Row]) -> Result<(), Error> {
        for row in rows {
            let of = self.of_relations.entry(row.try_get("relation")?);
            of.or_default().push(RawColumn {
                name: row.try_get("name")?,
                type_oid: row.try_get("type")?,
                type_name: row.try_get("type_name")?,
                required: row.try_get("required")?,
                description: row.try_get("description")?,
            });
        }
        Ok(())
    }

    /// The columns of each relation in order, with their fields, and whether some are missing. If all
    /// together would be too large, each gets an equal share for nested fields.
    pub(super) fn trees(&self, relations: &[u32]) -> Vec<(Vec<Column>, bool)> {
        let mut left = MAX_TABLES_BYTES;
        let mut trees = Vec::with_capacity(relations.len());
        for relation in relations {
            let (tree, taken) = self.tree(*relation, usize::MAX);
            let Some(rest) = left.checked_sub(taken) else {
                drop(trees);
                let share = MAX_TABLES_BYTES / relations.len();
                let shared = relations.iter().map(|it| self.tree(*it, share).0);
                return shared.collect();
            };
            left = rest;
            trees.push(tree);
        }
        trees
    }

    /// The columns of one relation, and their size in bytes.
    fn tree(&self, relation: u32, nested: usize) -> ((Vec<Column>, bool), usize) {
        let columns = self.of(relation, MAX_DEPTH);
        let mut budget = Budget::TABLE.for_nested(nested, &columns);
        let all = budget.bytes;
        let tree = bounds::grow(columns, &mut budget);
        (tree, all - budget.bytes)
    }

    fn of(&self, relation: u32, depth: usize) -> Vec<(Column, Nested<'_>)> {
        let columns = self.raw(relation).iter();
        columns.map(|raw| self.column(raw, depth)).collect()
    }

    fn raw(&self, relation: u32) -> &[RawColumn] {
        self.of_relations.get(&relation).map_or(&[], Vec::as_slice)
    }

    fn column(&self, raw: &RawColumn, depth: usize) -> (Column, Nested<'_>) {
        let mut column = Column {
            mode: if raw.required {
                Mode::Required
            } else {
                Mode::Nullable
            },
            description: raw.description.clone(),
            ..Column::leaf(raw.name.clone(), raw.type_name.clone())
        };
        let mut nested = Nested {
            columns: self,
            relation: None,
            depth,
        };
        let mut next = raw.type_oid;
        while let Some(info) = self.types.get(&next) {
            // A column without a comment takes that of its type.
            column.description = column.description.or_else(|| info.description.clone());
            match &info.kind {
                // A domain over an array, in an array: only the outer one is repeated.
                TypeKind::Array { .. } if column.mode == Mode::Repeated => break,
                TypeKind::Array { element } => {
                    column.mode = Mode::Repeated;
                    if let Some(name) = column.data_type.strip_suffix("[]") {
                        column.data_type = name.to_owned();
                    }
                    next = *element;
                }
                TypeKind::Domain {
                    base,
                    name,
                    required,
                } => {
                    if *required && column.mode == Mode::Nullable {
                        column.mode = Mode::Required;
                    }
                    column.data_type.clone_from(name);
                    next = *base;
                }
                TypeKind::Composite { relation } => {
                    nested.relation = Some(*relation);
                    break;
                }
                TypeKind::Other => break,
            }
        }
        column.description = column.description.as_deref().map(bounds::short);
        column.description_source = column
            .description
            .is_some()
            .then_some(DescriptionSource::Warehouse);
        (column, nested)
    }
}

/// The fields of a column of a composite type.
struct Nested<'c> {
    columns: &'c Columns,
    relation: Option<u32>,
    depth: usize,
}

impl bounds::Fields for Nested<'_> {
    fn exist(&self) -> bool {
        self.relation
            .is_some_and(|relation| !self.columns.raw(relation).is_empty())
    }

    fn read(&self) -> Option<Vec<(Column, Self)>> {
        let relation = self.relation?;
        let depth = self.depth.checked_sub(1)?;
        Some(self.columns.of(relation, depth))
    }
}
