//! Joins: which columns their conditions see, and which columns `using` merges.

use std::collections::BTreeSet;

use schema::Dialect;
use sqlparser::ast::{Ident, Join, JoinConstraint, JoinOperator, ObjectName};

use crate::fault::FaultKind;
use crate::resolver::Resolver;
use crate::scope::{Merged, Relation, Scope};
use crate::types::Field;

impl Resolver<'_, '_> {
    pub fn join(&mut self, join: &Join, start: usize, scope: &mut Scope) {
        let right = scope.relations.len();
        self.factor(&join.relation, scope);
        let (constraint, is_cross) = match &join.join_operator {
            JoinOperator::CrossJoin(constraint) if !join.global => (constraint, true),
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint)
            | JoinOperator::Right(constraint)
            | JoinOperator::RightOuter(constraint)
            | JoinOperator::FullOuter(constraint)
                if !join.global =>
            {
                (constraint, false)
            }
            _ => return self.unsupported("this kind of join"),
        };
        match constraint {
            JoinConstraint::None => {
                // BigQuery joins an array to its own row without a condition.
                let is_array = self.dialect == Dialect::Bigquery
                    && scope
                        .relations
                        .get(right)
                        .is_some_and(|it| it.value.is_some() || it.is_open);
                if !is_cross && !is_array {
                    let reason = "a join has no condition: write on or using, or cross join";
                    self.fault(FaultKind::Syntax, "join", reason);
                }
            }
            JoinConstraint::On(condition) => {
                let floor = std::mem::replace(&mut scope.floor, start);
                self.condition(condition, scope);
                scope.floor = floor;
            }
            JoinConstraint::Using(columns) => self.using(columns, start, right, scope),
            JoinConstraint::UsingAlias(columns, alias) => {
                self.only_in(Dialect::Postgres, "alias after using");
                self.using(columns, start, right, scope);
                self.add_using_alias(columns, alias, scope);
            }
            JoinConstraint::Natural => {
                self.only_in(Dialect::Postgres, "natural join");
                let names: Vec<String> = scope.relations[right..]
                    .iter()
                    .flat_map(|relation| &relation.fields)
                    .filter(|field| {
                        scope.relations[start..right]
                            .iter()
                            .flat_map(|relation| &relation.fields)
                            .any(|other| other.name == field.name)
                    })
                    .map(|field| field.name.clone())
                    .collect();
                for name in names {
                    self.merge(&name, start, right, scope);
                }
            }
        }
    }

    fn using(&mut self, columns: &[ObjectName], start: usize, right: usize, scope: &mut Scope) {
        for column in columns {
            match self.parts(column).as_slice() {
                [name] => self.merge(name, start, right, scope),
                _ => self.unsupported("a path in using"),
            }
        }
    }

    /// `using (id) as j`: `j.id` is the merged column, which `*` and a bare `id` already name.
    fn add_using_alias(&mut self, columns: &[ObjectName], alias: &Ident, scope: &mut Scope) {
        let names: Vec<String> = columns.iter().flat_map(|name| self.parts(name)).collect();
        let is_named = |field: &Field| names.iter().any(|name| self.same(&field.name, name));
        let merged = scope.merged.iter().map(|merged| merged.field.clone());
        let relation = Relation {
            alias: Some(self.fold(alias)),
            fields: merged.filter(is_named).collect(),
            only_qualified: true,
            ..Relation::default()
        };
        self.add(relation, scope);
    }

    /// `using (name)` merges the columns of both sides.
    fn merge(&mut self, name: &str, start: usize, right: usize, scope: &mut Scope) {
        let earlier = scope.merged.iter().position(|merged| {
            self.same(&merged.field.name, name)
                && merged.relations.iter().all(|index| *index >= start)
        });
        let taken = earlier.map_or(Vec::new(), |i| scope.merged[i].relations.clone());
        let mut sides: [Vec<(usize, Field)>; 2] = [Vec::new(), Vec::new()];
        for (index, relation) in scope.relations.iter().enumerate().skip(start) {
            if taken.contains(&index) {
                continue;
            }
            for field in &relation.fields {
                if self.same(&field.name, name) {
                    sides[usize::from(index >= right)].push((index, field.clone()));
                }
            }
        }
        if let Some(i) = earlier {
            let field = scope.merged[i].field.clone();
            let side = usize::from(taken.iter().all(|index| *index >= right));
            sides[side].extend(taken.iter().take(1).map(|index| (*index, field.clone())));
        }
        let is_open = scope.relations[start..]
            .iter()
            .any(|relation| relation.is_open);
        for (side, which) in sides.iter().zip(["left", "right"]) {
            match side.len() {
                1 => {}
                0 if is_open => {}
                0 => {
                    let reason = format!("using({name}): the {which} side has no column {name}");
                    self.fault(FaultKind::Column, name, reason);
                }
                _ => {
                    let reason = format!(
                        "using({name}): more than one table of the {which} side has a column \
                         {name}; join with on"
                    );
                    self.fault(FaultKind::Ambiguous, name, reason);
                }
            }
        }
        let mut same = BTreeSet::new();
        let mut relations = taken;
        let mut merged: Option<Field> = None;
        for (index, field) in sides.into_iter().flatten() {
            self.record(field.origin.as_slice());
            same.extend(field.origin.as_ref().map(|origin| origin.key()));
            relations.push(index);
            merged = Some(match merged {
                Some(first) => Field {
                    data_type: first.data_type.clone().or(field.data_type),
                    ..first
                },
                None => field,
            });
        }
        self.conditions.merged.push(same);
        let Some(field) = merged else { return };
        match earlier {
            Some(i) => scope.merged[i] = Merged { field, relations },
            None => scope.merged.push(Merged { field, relations }),
        }
    }
}
