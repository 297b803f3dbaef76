//! The state of resolving one query: the tables and columns found so far, and the faults. Other modules
//! add the methods for one part of the syntax each.

use std::collections::BTreeSet;
use std::rc::Rc;

use schema::Dialect;
use sqlparser::ast::Ident;

use crate::fault::{Fault, FaultKind};
use crate::filters::Conditions;
use crate::grounded::Grounded;
use crate::scope::Relation;
use crate::spelling::{fold, same};
use crate::tables::Schema;
use crate::types::{Field, Origin, Type};
use crate::wildcards::Wildcards;

/// How many faults are kept.
const MAX_FAULTS: usize = 50;
/// The depth of chains that are resolved by recursion: casts of casts, unions of unions.
const MAX_DEPTH: usize = 1_000;

/// Resolves one query.
pub(crate) struct Resolver<'s, 'a> {
    pub schema: &'s Schema<'a>,
    pub dialect: Dialect,
    pub ctes: Vec<Cte>,
    pub tables: BTreeSet<String>,
    columns: BTreeSet<(String, String)>,
    faults: Vec<Fault>,
    pub depth: usize,
    pub conditions: Conditions,
    pub wildcards: Wildcards,
    /// How many aggregates the query has so far, without those of its subqueries.
    pub aggregates: usize,
    /// The product of all `repeat` factors.
    pub growth: u64,
}

/// A table of a `with` clause.
pub(crate) struct Cte {
    pub name: String,
    pub output: Output,
}

/// The columns of a query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Output {
    pub fields: Vec<Field>,
    /// The type of one row of `select as struct` and `select as value`.
    pub value: Option<Type>,
    /// Its columns are unknown, because of a fault.
    pub is_open: bool,
    /// The positions of the columns that an aggregate computes.
    pub aggregated: Vec<usize>,
}

impl Output {
    /// The type of a subquery in an expression.
    pub fn single(&self) -> Type {
        match (&self.value, self.fields.as_slice()) {
            (Some(value), _) => value.clone(),
            (None, [field]) => field.data_type.clone(),
            (None, _) if self.is_open => Type::Unknown,
            (None, fields) => Type::structure(fields.to_vec()),
        }
    }

    pub fn relation(self, alias: Option<String>) -> Relation {
        Relation {
            alias,
            path: Vec::new(),
            fields: self.fields,
            value: self.value,
            is_open: self.is_open,
            is_cut: false,
            only_qualified: false,
        }
    }
}

impl<'s, 'a> Resolver<'s, 'a> {
    pub fn new(schema: &'s Schema<'a>) -> Self {
        Self {
            schema,
            dialect: schema.dialect(),
            ctes: Vec::new(),
            tables: BTreeSet::new(),
            columns: BTreeSet::new(),
            faults: Vec::new(),
            depth: 0,
            conditions: Conditions::default(),
            wildcards: Wildcards::default(),
            aggregates: 0,
            growth: 1,
        }
    }

    pub fn finish(mut self) -> Result<Grounded, Vec<Fault>> {
        self.check_filters();
        self.check_wildcards();
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        Ok(Grounded {
            tables: self.tables.into_iter().collect(),
            columns: self.columns,
        })
    }

    pub fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    pub fn push(&mut self, fault: Fault) {
        if self.faults.len() < MAX_FAULTS && !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    pub fn fault(&mut self, kind: FaultKind, identifier: &str, reason: impl Into<String>) {
        self.push(Fault::new(kind, identifier, reason));
    }

    pub fn unsupported(&mut self, what: &str) {
        self.fault(
            FaultKind::Unsupported,
            what,
            format!("{what} is not supported"),
        );
    }

    /// Refuses what the parser accepts and this warehouse does not.
    pub fn only_in(&mut self, dialect: Dialect, what: &str) {
        if self.dialect != dialect {
            let name = match self.dialect {
                Dialect::Bigquery => "BigQuery",
                Dialect::Postgres => "Postgres",
            };
            let reason = format!("{name} has no {what}");
            self.fault(FaultKind::Unsupported, what, reason);
        }
    }

    pub fn record(&mut self, origins: &[Rc<Origin>]) {
        for origin in origins {
            let key = origin.key();
            match self.conditions.is_inside {
                true => self.conditions.mentioned.insert(key),
                false => self.conditions.computed.insert(key),
            };
            if !origin.is_pseudo {
                let column = (origin.table.to_string(), origin.path.clone());
                self.columns.insert(column);
            }
        }
    }

    /// Whether the query reads a column or field of the table, or all of what it is part of.
    pub fn reads(&self, table: &str, wanted: &str) -> bool {
        let of_table = || self.columns.iter().filter(|(of, _)| of == table);
        let is_below = |path: &str, parent: &str| {
            path.strip_prefix(parent)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        of_table().any(|(_, path)| {
            path == wanted
                || is_below(path, wanted)
                || is_below(wanted, path) && !of_table().any(|(_, other)| is_below(other, path))
        })
    }

    pub fn same(&self, have: &str, wanted: &str) -> bool {
        same(have, wanted, self.dialect)
    }

    pub fn fold(&self, ident: &Ident) -> String {
        fold(ident, self.dialect)
    }

    /// Runs `resolve` one level deeper, or makes a fault of it.
    pub fn deeper<T>(&mut self, fallback: T, resolve: impl FnOnce(&mut Self) -> T) -> T {
        if self.depth >= MAX_DEPTH {
            self.fault(FaultKind::TooLarge, "", "the query is nested too deeply");
            return fallback;
        }
        self.depth += 1;
        let result = resolve(self);
        self.depth -= 1;
        result
    }
}
