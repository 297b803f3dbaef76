//! The `from` clause: tables, subqueries and arrays become relations of a scope.

use schema::Dialect;
use sqlparser::ast::{Expr, Ident, ObjectName, TableAlias, TableFactor, TableWithJoins};

use crate::fault::FaultKind;
use crate::resolver::Resolver;
use crate::scope::{Relation, Scope};
use crate::types::{Field, Type};

impl Resolver<'_, '_> {
    pub fn from(&mut self, item: &TableWithJoins, scope: &mut Scope) {
        // A comma binds like a join in BigQuery, and more weakly than a join in Postgres.
        let start = match self.dialect {
            Dialect::Bigquery => scope.floor,
            Dialect::Postgres => scope.relations.len(),
        };
        self.factor(&item.relation, scope);
        for join in &item.joins {
            self.join(join, start, scope);
        }
    }

    pub fn factor(&mut self, factor: &TableFactor, scope: &mut Scope) {
        match factor {
            TableFactor::Table { .. } => self.table_factor(factor, scope),
            TableFactor::Derived {
                lateral,
                subquery,
                alias,
                sample,
            } => {
                if *lateral {
                    self.only_in(Dialect::Postgres, "lateral");
                }
                if sample.is_some() {
                    self.unsupported("tablesample of a subquery");
                }
                let parent = if *lateral {
                    Some(&*scope)
                } else {
                    scope.parent
                };
                let output = self.query(subquery, parent);
                let mut relation = output.relation(None);
                self.apply_alias(&mut relation, alias.as_ref());
                relation.name_value();
                self.add(relation, scope);
            }
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset,
                with_offset_alias,
                with_ordinality,
            } => {
                if *with_offset {
                    self.only_in(Dialect::Bigquery, "with offset");
                }
                if *with_ordinality {
                    self.only_in(Dialect::Postgres, "with ordinality");
                }
                let arrays: Vec<Type> = array_exprs
                    .iter()
                    .map(|array| self.expression(array, scope))
                    .collect();
                let written = array_exprs
                    .first()
                    .map_or(String::new(), |array| self.shown(array));
                if arrays.len() > 1 {
                    self.only_in(Dialect::Postgres, "unnest of several arrays");
                }
                let mut relation = self.unnested(&arrays, &written);
                if let Some(declared) = self.declared(alias.as_ref()) {
                    relation.fields = declared;
                }
                if *with_ordinality {
                    relation.fields.push(Field::new("ordinality", Type::Scalar));
                }
                self.apply_alias(&mut relation, alias.as_ref());
                relation.name_value();
                self.add(relation, scope);
                if *with_offset {
                    self.add_offset(with_offset_alias.as_ref(), scope);
                }
            }
            TableFactor::Function {
                lateral: _,
                name,
                args,
                with_ordinality,
                alias,
            } => self.table_function(name, args, *with_ordinality, alias.as_ref(), scope),
            TableFactor::NestedJoin {
                table_with_joins,
                alias,
            } => {
                let Some(alias) = alias else {
                    return self.from(table_with_joins, scope);
                };
                // The alias hides the tables of the join.
                self.only_in(Dialect::Postgres, "alias of a join in parentheses");
                let mut inner = Scope::new(self.dialect, scope.parent);
                self.from(table_with_joins, &mut inner);
                let mut relation = self.all_of(&inner).relation(None);
                self.apply_alias(&mut relation, Some(alias));
                self.add(relation, scope);
            }
            TableFactor::Pivot { .. } => self.pivot(factor, scope),
            TableFactor::Unpivot { .. } => self.unpivot(factor, scope),
            TableFactor::TableFunction { .. }
            | TableFactor::JsonTable { .. }
            | TableFactor::OpenJsonTable { .. }
            | TableFactor::UnpivotExpr { .. }
            | TableFactor::MatchRecognize { .. }
            | TableFactor::XmlTable { .. }
            | TableFactor::SemanticView { .. } => {
                self.unsupported("this kind of table in from");
                self.add_open(scope);
            }
        }
    }

    /// The elements of arrays as rows.
    pub fn unnested(&mut self, arrays: &[Type], written: &str) -> Relation {
        let mut relation = Relation::default();
        for array in arrays {
            let element = match array {
                Type::Array(element) => (**element).clone(),
                Type::Opaque | Type::Unknown => {
                    relation.is_open = true;
                    Type::Unknown
                }
                Type::Json | Type::Scalar | Type::Struct(_) | Type::Suffix(_) | Type::Cut => {
                    let reason = format!("{written} is not an array, so it can't be unnested");
                    self.fault(FaultKind::Repeated, written, reason);
                    relation.is_open = true;
                    Type::Unknown
                }
            };
            match &element {
                Type::Struct(fields) => relation.fields.extend(fields.iter().cloned()),
                Type::Cut => relation.is_cut = true,
                other => relation.fields.push(Field::new("", other.clone())),
            }
            if arrays.len() == 1 {
                relation.value = Some(element);
            }
        }
        if self.dialect == Dialect::Postgres {
            for field in relation.fields.iter_mut().filter(|f| f.name.is_empty()) {
                "unnest".clone_into(&mut field.name);
            }
            relation.alias = Some("unnest".to_owned());
        }
        relation
    }

    /// The columns that an alias declares with their types, `as t (a int, b text)`; none if it does not.
    pub fn declared(&mut self, alias: Option<&TableAlias>) -> Option<Vec<Field>> {
        let columns = alias.map_or(&[][..], |alias| &alias.columns);
        let is_declared = columns.iter().any(|column| column.data_type.is_some());
        let types = columns.iter().map(|column| match &column.data_type {
            Some(data_type) => self.data_type(data_type),
            None => Type::Scalar,
        });
        is_declared.then(|| types.map(|data_type| Field::new("", data_type)).collect())
    }

    pub fn apply_alias(&mut self, relation: &mut Relation, alias: Option<&TableAlias>) {
        let Some(alias) = alias else { return };
        if alias.at.is_some() {
            self.unsupported("at after an alias");
        }
        let name = self.fold(&alias.name);
        // `unnest(tags) as tag` names the column as well.
        if self.dialect == Dialect::Postgres
            && relation.alias.as_deref() == Some("unnest")
            && let [field, ..] = relation.fields.as_mut_slice()
            && field.name == "unnest"
        {
            field.name.clone_from(&name);
        }
        let mut fields = std::mem::take(&mut relation.fields);
        if relation.is_cut && !alias.columns.is_empty() {
            // The list names the hidden columns first.
            let reason = format!(
                "the schema does not have its fields, so the columns of {name} can't be named: remove the list of \
                 columns after {name}"
            );
            self.fault(FaultKind::Column, &name, reason);
        } else if !relation.is_open {
            self.rename(&mut fields, &alias.columns, &name);
        }
        relation.fields = fields;
        relation.alias = Some(name);
        relation.path.clear();
    }

    fn add_offset(&mut self, alias: Option<&Ident>, scope: &mut Scope) {
        let name = alias.map_or_else(|| "offset".to_owned(), |alias| self.fold(alias));
        self.add(
            Relation {
                fields: vec![Field::new(name, Type::Scalar)],
                ..Relation::default()
            },
            scope,
        );
    }

    pub fn add(&mut self, relation: Relation, scope: &mut Scope) {
        if let Some(alias) = &relation.alias {
            let is_taken = scope.relations.iter().any(|other| {
                other
                    .alias
                    .as_deref()
                    .is_some_and(|have| self.same(have, alias))
                    // Postgres distinguishes tables of different schemas.
                    && (self.dialect == Dialect::Bigquery
                        || other.path.is_empty()
                        || other.path == relation.path)
            });
            if is_taken {
                let reason = format!("two tables in from have the name {alias}; give one an alias");
                self.fault(FaultKind::Ambiguous, alias, reason);
            }
        }
        scope.relations.push(relation);
    }

    pub fn add_open(&mut self, scope: &mut Scope) {
        scope.relations.push(Relation {
            is_open: true,
            ..Relation::default()
        });
    }

    /// The parts of a name, folded as the dialect folds them.
    pub fn parts(&mut self, name: &ObjectName) -> Vec<String> {
        let mut parts = Vec::new();
        for part in &name.0 {
            match part.as_ident() {
                Some(ident) => parts.push(self.fold(ident)),
                None => self.unsupported("a function as part of a name"),
            }
        }
        parts
    }

    /// A name as it was written, for a fault's reason. Other expressions may be long and are not shown.
    pub fn shown(&self, expression: &Expr) -> String {
        match expression {
            Expr::Nested(inner) => format!("({})", self.shown(inner)),
            Expr::Identifier(ident) => ident.value.clone(),
            Expr::CompoundIdentifier(idents) => {
                let parts: Vec<&str> = idents.iter().map(|ident| ident.value.as_str()).collect();
                parts.join(".")
            }
            _ => "the expression".to_owned(),
        }
    }
}
