//! Columns and their types: arrays are repeated, composites are nested, domains are resolved.
//!
//! Composite types nest wherever they are used, so that a few types expand to millions of fields. They are
//! expanded within [`bounds`].

use std::collections::{HashMap, HashSet};

use schema::bounds::{self, Budget, MAX_TABLES_BYTES};
use schema::description::short;
use schema::document::{Column, DescriptionSource, Mode};
use schema::mentions::Mentions;
use schema::name::path;
use tokio_postgres::{Error, Row};

use super::text::Text;
use super::types::{TypeKind, Types};

/// BigQuery's limit on nesting; Postgres has none.
const MAX_DEPTH: usize = 15;

pub(super) struct Columns {
    types: Types,
    of_relations: HashMap<u32, Vec<RawColumn>>,
    /// The names of columns that we may not read.
    hidden: HashMap<u32, Vec<String>>,
    /// The same, to find them in the comments on other columns.
    hidden_names: HashMap<u32, Mentions>,
    /// What is omitted because it is not UTF-8.
    bad_texts: HashMap<u32, Vec<String>>,
}

struct RawColumn {
    name: String,
    type_oid: u32,
    type_name: String,
    required: bool,
    default: Option<String>,
    collation: Option<String>,
    description: Option<String>,
}

impl Columns {
    pub(super) fn new(types: Types) -> Self {
        Self {
            types,
            of_relations: HashMap::new(),
            hidden: HashMap::new(),
            hidden_names: HashMap::new(),
            bad_texts: HashMap::new(),
        }
    }

    /// The relations of the composite types, which hold their fields.
    pub(super) fn relations(&self) -> Vec<u32> {
        self.types.relations()
    }

    pub(super) fn add(&mut self, rows: &[Row]) -> Result<(), Error> {
        for row in rows {
            let relation: u32 = row.try_get("relation")?;
            let name: Text = row.try_get("name")?;
            if !row.try_get::<_, bool>("readable")? {
                let hidden = self.hidden.entry(relation).or_default();
                hidden.push(name.lossy().to_owned());
                continue;
            }
            let name = match name {
                Text::Valid(name) => name,
                Text::Bad(name) => {
                    let bad = self.bad_texts.entry(relation).or_default();
                    bad.push(format!("column {name}"));
                    continue;
                }
            };
            let text = |column| row.try_get::<_, Option<Text>>(column);
            let description = text("description")?;
            if description.as_ref().is_some_and(Text::is_bad) {
                let bad = self.bad_texts.entry(relation).or_default();
                bad.push(format!("the comment on column {name}"));
            }
            let collation = text("collation")?.and_then(Text::valid);
            let collation = match text("collation_schema")? {
                None => collation.map(|name| path("", &name)),
                Some(schema) => schema
                    .valid()
                    .zip(collation)
                    .map(|(schema, name)| path(&path("", &schema), &name)),
            };
            let of = self.of_relations.entry(relation).or_default();
            of.push(RawColumn {
                name,
                type_oid: row.try_get("type")?,
                type_name: row.try_get::<_, Text>("type_name")?.lossy().to_owned(),
                required: row.try_get("required")?,
                default: text("default_expression")?.and_then(Text::valid),
                collation,
                description: description.and_then(Text::valid),
            });
        }
        let of_columns = self.hidden.iter();
        let names = of_columns.map(|(relation, names)| (*relation, Mentions::of(names.clone())));
        self.hidden_names = names.collect();
        Ok(())
    }

    /// The names of the relation's columns that we may not read.
    pub(super) fn hidden(&self, relation: u32) -> &[String] {
        self.hidden.get(&relation).map_or(&[], Vec::as_slice)
    }

    /// What of the relation's columns and their types is omitted because it is not UTF-8.
    pub(super) fn bad_texts(&self, relation: u32) -> Vec<String> {
        let mut bad = self.bad_texts.get(&relation).cloned().unwrap_or_default();
        for raw in self.raw(relation) {
            if self.has_bad_type(raw.type_oid) {
                bad.push(format!("a text of the type of column {}", raw.name));
            }
        }
        bad
    }

    fn has_bad_type(&self, oid: u32) -> bool {
        let mut seen = HashSet::new();
        let mut left = vec![oid];
        while let Some(oid) = left.pop() {
            let Some(info) = self.types.get(oid).filter(|_| seen.insert(oid)) else {
                continue;
            };
            match info.kind {
                _ if info.has_bad_text => return true,
                TypeKind::Array { element } => left.push(element),
                TypeKind::Domain { base, .. } => left.push(base),
                TypeKind::Composite { relation } => {
                    if self.bad_texts.contains_key(&relation) {
                        return true;
                    }
                    left.extend(self.raw(relation).iter().map(|raw| raw.type_oid));
                }
                TypeKind::Enum { .. } | TypeKind::Other => {}
            }
        }
        false
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
        let mut columns: Vec<_> = columns.map(|raw| self.column(raw, depth)).collect();
        // The fields of another table's row type. The table's own comments are counted when cleared.
        if depth < MAX_DEPTH
            && let Some(hidden) = self.hidden_names.get(&relation)
        {
            for (column, _) in &mut columns {
                if column
                    .description
                    .as_deref()
                    .is_some_and(|it| hidden.are_in(it))
                {
                    column.description = None;
                    column.description_source = None;
                }
            }
        }
        columns
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
            default: raw.default.clone(),
            collation: raw.collation.clone(),
            ..Column::leaf(raw.name.clone(), raw.type_name.clone())
        };
        let relation = self.resolve(raw.type_oid, &mut column);
        column.description = column.description.as_deref().map(short);
        column.description_source = column
            .description
            .is_some()
            .then_some(DescriptionSource::Warehouse);
        let nested = Nested {
            columns: self,
            relation,
            depth,
        };
        (column, nested)
    }

    /// Follows arrays and domains to the type of the values. Returns the relation of a composite.
    fn resolve(&self, oid: u32, column: &mut Column) -> Option<u32> {
        let mut next = oid;
        while let Some(info) = self.types.get(next) {
            // A column without a comment takes that of its type.
            if column.description.is_none() {
                column.description.clone_from(&info.description);
            }
            match &info.kind {
                // A domain over an array, in an array: only the outer one is repeated.
                TypeKind::Array { .. } if column.mode == Mode::Repeated => {
                    self.hide(next, column);
                    return None;
                }
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
                    if self.hide(next, column) {
                        column.cut = true;
                        return None;
                    }
                    return Some(*relation);
                }
                TypeKind::Enum { labels, has_more } => {
                    column.enum_labels.clone_from(labels);
                    column.cut = *has_more;
                    self.hide(next, column);
                    return None;
                }
                TypeKind::Other => {
                    self.hide(next, column);
                    return None;
                }
            }
        }
        None
    }

    /// Replaces the name of a type that we may not name.
    fn hide(&self, oid: u32, column: &mut Column) -> bool {
        let stand_in = self.types.stand_in(oid);
        let is_hidden = stand_in.is_some();
        if let Some(name) = stand_in {
            column.data_type = name;
        }
        is_hidden
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
