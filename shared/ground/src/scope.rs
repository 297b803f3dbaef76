//! Scopes: the names that are visible at a point of a query, and what they refer to.

use schema::Dialect;

use crate::fault::{Fault, FaultKind};
use crate::nearest;
use crate::path::{Resolved, descend, nested_hint};
use crate::spelling::same;
use crate::types::{Field, Type};

/// One entry of a `from` clause.
#[derive(Clone, Debug, Default)]
pub(crate) struct Relation {
    pub alias: Option<String>,
    /// What may precede the alias: the project and the dataset, or the database and the schema, of a table
    /// without an alias.
    pub path: Vec<String>,
    pub fields: Vec<Field>,
    /// The type of the alias by itself, if it is not the row of `fields`.
    pub value: Option<Type>,
    /// Its columns are unknown, because of a fault.
    pub is_open: bool,
    /// It has columns that the reader of the schema may not see, beside `fields`.
    pub is_cut: bool,
    /// Its columns are also those of other relations: only `alias.column` names them.
    pub only_qualified: bool,
}

/// The precedence of select list aliases among the names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Aliases {
    #[default]
    Hidden,
    AfterColumns,
    BeforeColumns,
}

#[derive(Debug)]
pub(crate) struct Scope<'p> {
    pub dialect: Dialect,
    /// The scope of the enclosing query, which is searched next.
    pub parent: Option<&'p Scope<'p>>,
    pub relations: Vec<Relation>,
    /// The first visible relation; those before it are in another part of `from`.
    pub floor: usize,
    /// Columns that `using` merged.
    pub merged: Vec<Merged>,
    pub selected: Vec<Field>,
    pub aliases: Aliases,
    pub windows: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Merged {
    pub field: Field,
    /// The indexes of the relations that contribute a column.
    pub relations: Vec<usize>,
}

impl Relation {
    /// A relation of single values has one column, with the name of the relation.
    pub fn name_value(&mut self) {
        if let (Some(alias), [field, ..], Some(_)) =
            (&self.alias, self.fields.as_mut_slice(), &self.value)
            && field.name.is_empty()
        {
            field.name.clone_from(alias);
        }
    }

    /// All that can be written after `alias.`, as a type.
    pub fn row(&self) -> Type {
        match &self.value {
            Some(value) => value.clone(),
            None if self.is_cut => Type::Cut,
            None => Type::structure(self.fields.clone()),
        }
    }

    /// What `alias.*` stands for. In Postgres, a single value is a row of one column.
    fn star(&self, dialect: Dialect) -> Type {
        match dialect {
            _ if self.is_open => Type::Unknown,
            _ if self.is_cut => Type::Cut,
            Dialect::Bigquery => self.row(),
            Dialect::Postgres => Type::structure(self.fields.clone()),
        }
    }
}

impl<'p> Scope<'p> {
    pub fn new(dialect: Dialect, parent: Option<&'p Scope<'p>>) -> Self {
        Self {
            dialect,
            parent,
            relations: Vec::new(),
            floor: 0,
            merged: Vec::new(),
            selected: Vec::new(),
            aliases: Aliases::Hidden,
            windows: Vec::new(),
        }
    }

    /// Resolves a name of one or more parts, here or in a query around.
    pub fn resolve(&self, parts: &[String]) -> Result<Resolved, Fault> {
        let mut level = Some(self);
        while let Some(scope) = level {
            if let Some(found) = scope.resolve_here(parts)? {
                return Ok(found);
            }
            level = scope.parent;
        }
        Err(self.absent(parts))
    }

    fn resolve_here(&self, parts: &[String]) -> Result<Option<Resolved>, Fault> {
        let Some(first) = parts.first() else {
            return Ok(None);
        };
        if self.aliases == Aliases::BeforeColumns
            && let Some(found) = self.by_selected(first, parts)
        {
            return found.map(Some);
        }
        let by_column = self.by_column(first, parts);
        // BigQuery groups by the selected column where the name alone would be ambiguous.
        if self.aliases == Aliases::AfterColumns
            && self.dialect == Dialect::Bigquery
            && matches!(&by_column, Some(Err(fault)) if fault.kind == FaultKind::Ambiguous)
            && let Some(found) = self.by_selected(first, parts)
        {
            return found.map(Some);
        }
        let by_relation = self.by_relation(parts);
        let found = match (by_relation, by_column, self.dialect) {
            (Some(Ok(row)), None, _) => Some(Ok(row)),
            // A range variable hides a column of its name in BigQuery; in Postgres, only
            // where something follows it.
            (Some(Ok(row)), Some(_), Dialect::Bigquery) => Some(Ok(row)),
            (Some(Ok(row)), Some(_), Dialect::Postgres) if parts.len() > 1 => Some(Ok(row)),
            (_, Some(Ok(column)), _) => Some(Ok(column)),
            (Some(Err(fault)), _, _) => Some(Err(fault)),
            (_, column, _) => column,
        };
        if let Some(found) = found {
            return found.map(Some);
        }
        if self.aliases == Aliases::AfterColumns
            && let Some(found) = self.by_selected(first, parts)
        {
            return found.map(Some);
        }
        let is_open = self.visible().any(|(_, relation)| relation.is_open);
        Ok(is_open.then(|| Resolved {
            data_type: Type::Unknown,
            origins: Vec::new(),
        }))
    }

    pub fn visible(&self) -> impl Iterator<Item = (usize, &Relation)> {
        self.relations.iter().enumerate().skip(self.floor)
    }

    /// The relation of this alias, here or in a query around.
    pub fn relation(&self, alias: &str) -> Option<&Relation> {
        let mut level = Some(self);
        while let Some(scope) = level {
            let found = scope.visible().find(|(_, relation)| {
                relation
                    .alias
                    .as_deref()
                    .is_some_and(|have| same(have, alias, self.dialect))
            });
            if let Some((_, relation)) = found {
                return Some(relation);
            }
            level = scope.parent;
        }
        None
    }

    /// What `parts.*` stands for, if the parts name a table or an alias, here or in a query around. It wins over
    /// a column of the name.
    pub fn star_of(&self, parts: &[String]) -> Option<Type> {
        let mut level = Some(self);
        while let Some(scope) = level {
            if let Some((relation, [])) = scope.named(parts) {
                return Some(relation.star(self.dialect));
            }
            level = scope.parent;
        }
        None
    }

    /// The relation that these parts begin with, and what follows its name.
    fn named<'n>(&self, parts: &'n [String]) -> Option<(&Relation, &'n [String])> {
        self.visible().find_map(|(_, relation)| {
            let alias = relation.alias.as_deref()?;
            if same(alias, &parts[0], self.dialect) {
                return Some((relation, &parts[1..]));
            }
            // `dataset.table.column`, `project.dataset.table.column`
            let starts = (0..relation.path.len()).rev();
            starts.into_iter().find_map(|start| {
                let rest = parts.strip_prefix(&relation.path[start..])?;
                let (table, rest) = rest.split_first()?;
                (table == alias).then_some((relation, rest))
            })
        })
    }

    fn by_relation(&self, parts: &[String]) -> Option<Result<Resolved, Fault>> {
        let (relation, rest) = self.named(parts)?;
        if relation.is_open {
            return Some(Ok(Resolved {
                data_type: Type::Unknown,
                origins: Vec::new(),
            }));
        }
        let alias = relation.alias.as_deref().unwrap_or_default();
        let Some((column, below)) = rest.split_first() else {
            return Some(Ok(Resolved {
                data_type: relation.row(),
                origins: Vec::new(),
            }));
        };
        let named: Vec<&Field> = relation
            .fields
            .iter()
            .filter(|field| same(&field.name, column, self.dialect))
            .collect();
        // An array element has fields only if it is a struct: in BigQuery `tag.tag` is invalid,
        // although `select *` names the column `tag`.
        let is_bare_value = self.dialect == Dialect::Bigquery
            && relation
                .value
                .as_ref()
                .is_some_and(|value| !matches!(value, Type::Struct(_)));
        if is_bare_value {
            let value = relation.value.clone().unwrap_or(Type::Unknown);
            return Some(descend(value, alias, rest, Vec::new(), self.dialect));
        }
        Some(match named.as_slice() {
            [field] => self.below(field, &format!("{alias}.{column}"), below),
            [] => Err(self.not_of_relation(relation, alias, column)),
            _ => Err(Fault::new(
                FaultKind::Ambiguous,
                format!("{alias}.{column}"),
                format!("{alias} has more than one column {column}"),
            )),
        })
    }

    fn not_of_relation(&self, relation: &Relation, alias: &str, column: &str) -> Fault {
        let names = relation.fields.iter().map(|field| field.name.as_str());
        let others: Vec<&str> = self
            .visible()
            .filter(|(_, other)| {
                let mut fields = other.fields.iter();
                fields.any(|field| same(&field.name, column, self.dialect))
            })
            .filter_map(|(_, other)| other.alias.as_deref())
            .collect();
        let hint = match others.first() {
            Some(other) => format!("; {other} has one"),
            None => nested_hint(&relation.fields, column, Some(alias), self.dialect)
                .unwrap_or_else(|| nearest::hint(column, names)),
        };
        let written = format!("{alias}.{column}");
        let reason = format!("{alias} has no column {column}{hint}");
        Fault::new(FaultKind::Column, written, reason)
    }

    fn by_column(&self, first: &str, parts: &[String]) -> Option<Result<Resolved, Fault>> {
        let merged: Vec<&Merged> = self
            .merged
            .iter()
            .filter(|merged| same(&merged.field.name, first, self.dialect))
            .collect();
        let single = self
            .visible()
            .filter(|(_, relation)| !relation.only_qualified)
            .filter(|(index, _)| !merged.iter().any(|merged| merged.relations.contains(index)))
            .flat_map(|(_, relation)| relation.fields.iter())
            .filter(|field| same(&field.name, first, self.dialect));
        let found: Vec<&Field> = merged
            .iter()
            .map(|merged| &merged.field)
            .chain(single)
            .collect();
        match found.as_slice() {
            [] => None,
            [_] if parts.len() > 1 && self.dialect == Dialect::Postgres => {
                let rest = parts[1..].join(".");
                let reason = format!(
                    "{first} is a column, and only a table may stand before a dot: write \
                     ({first}).{rest}"
                );
                let written = parts.join(".");
                Some(Err(Fault::new(FaultKind::Column, written, reason)))
            }
            [field] => Some(self.below(field, first, &parts[1..])),
            _ => Some(Err(Fault::new(
                FaultKind::Ambiguous,
                first,
                format!(
                    "{first} is a column of more than one table here; write the alias before it"
                ),
            ))),
        }
    }

    fn by_selected(&self, first: &str, parts: &[String]) -> Option<Result<Resolved, Fault>> {
        let found: Vec<&Field> = self
            .selected
            .iter()
            .filter(|field| same(&field.name, first, self.dialect))
            .collect();
        match found.as_slice() {
            [] => None,
            [field, others @ ..] => {
                let is_one = others
                    .iter()
                    .all(|other| other.origin.is_some() && other.origin == field.origin);
                Some(if is_one {
                    self.below(field, first, &parts[1..])
                } else {
                    let reason = format!("{first} is the name of more than one selected column");
                    Err(Fault::new(FaultKind::Ambiguous, first, reason))
                })
            }
        }
    }

    /// Whether a table here has this name or a column of this name.
    pub fn has_column(&self, name: &str) -> bool {
        let parts = [name.to_owned()];
        self.by_column(name, &parts).is_some() || self.by_relation(&parts).is_some()
    }

    /// Whether the select list, here or in a query around, has a column of this name.
    fn is_selected(&self, name: &str) -> bool {
        let mut level = Some(self);
        while let Some(scope) = level {
            let mut selected = scope.selected.iter();
            if selected.any(|field| same(&field.name, name, self.dialect)) {
                return true;
            }
            level = scope.parent;
        }
        false
    }

    fn below(&self, field: &Field, written: &str, rest: &[String]) -> Result<Resolved, Fault> {
        let origins = field.origin.iter().cloned().collect();
        descend(
            field.data_type.clone(),
            written,
            rest,
            origins,
            self.dialect,
        )
    }

    fn absent(&self, parts: &[String]) -> Fault {
        let written = parts.join(".");
        let first = parts.first().map_or("", String::as_str);
        let mut names: Vec<&str> = Vec::new();
        let mut nested = None;
        let mut level = Some(self);
        while let Some(scope) = level {
            for (_, relation) in scope.visible() {
                names.extend(relation.alias.as_deref());
                names.extend(relation.fields.iter().map(|field| field.name.as_str()));
                let last = parts.last().map_or("", String::as_str);
                nested = nested.or_else(|| nested_hint(&relation.fields, last, None, self.dialect));
            }
            names.extend(scope.selected.iter().map(|field| field.name.as_str()));
            level = scope.parent;
        }
        if parts.len() == 1 && self.is_selected(first) {
            let reason = format!(
                "there is no column {first} in the tables here: it is the name of a selected column, which \
                 can't be used at this place; write its expression instead"
            );
            return Fault::new(FaultKind::Column, written, reason);
        }
        let hint = nested.unwrap_or_else(|| nearest::hint(first, names.into_iter()));
        let reason = match parts.len() {
            1 => format!("there is no column {first} in the tables here{hint}"),
            _ => format!("there is no table, alias or column {first} here ({written}){hint}"),
        };
        Fault::new(FaultKind::Column, written, reason)
    }
}
