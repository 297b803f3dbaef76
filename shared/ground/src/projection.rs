//! The select list: the columns of a query, their names and types.

use std::rc::Rc;

use schema::Dialect;
use sqlparser::ast::{
    AccessExpr, Expr, SelectItem, SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use crate::fault::FaultKind;
use crate::nearest;
use crate::resolver::{Output, Resolver};
use crate::rewrite::is_all_of_value;
use crate::scope::Scope;
use crate::types::{Field, Type};

impl Resolver<'_, '_> {
    pub fn projection(&mut self, items: &[SelectItem], scope: &Scope) -> Output {
        let mut output = Output::default();
        for item in items {
            let (aggregates, place) = (self.aggregates, output.fields.len());
            match item {
                SelectItem::UnnamedExpr(all) if is_all_of_value(all) => {
                    let row = self.expression(all, scope);
                    let fields = self.fields_of(&row, "the value before .*", &mut output.is_open);
                    output.fields.extend(fields);
                }
                SelectItem::UnnamedExpr(expression) => {
                    let name = self.implied_name(expression).unwrap_or_default();
                    let field = self.selected(expression, name, scope);
                    output.fields.push(field);
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let name = self.fold(alias);
                    let field = self.selected(expr, name, scope);
                    output.fields.push(field);
                }
                SelectItem::ExprWithAliases { .. } => self.unsupported("several aliases"),
                SelectItem::Wildcard(options) => {
                    if scope.relations.is_empty() {
                        self.fault(FaultKind::Column, "*", "* needs a from clause");
                    }
                    let fields = self.star(scope);
                    self.refuse_cut_star(scope);
                    output.is_open |= scope.relations.iter().any(|relation| relation.is_open);
                    self.add_star(fields, options, scope, &mut output);
                }
                SelectItem::QualifiedWildcard(kind, options) => {
                    let row = match kind {
                        SelectItemQualifiedWildcardKind::ObjectName(name) => {
                            let parts = self.parts(name);
                            self.row_of(&parts, scope)
                        }
                        SelectItemQualifiedWildcardKind::Expr(expression) => {
                            self.expression(expression, scope)
                        }
                    };
                    let fields = self.fields_of(&row, &kind.to_string(), &mut output.is_open);
                    self.add_star(fields, options, scope, &mut output);
                }
            }
            if self.aggregates > aggregates {
                output.aggregated.push(place);
            }
        }
        output
    }

    /// Resolves an expression of the select list to a column of the result.
    pub fn selected(&mut self, expression: &Expr, name: String, scope: &Scope) -> Field {
        let (data_type, origin) = match expression {
            Expr::Identifier(ident) => self.column(&[self.fold(ident)], scope),
            Expr::CompoundIdentifier(idents) => {
                let parts: Vec<String> = idents.iter().map(|ident| self.fold(ident)).collect();
                self.column(&parts, scope)
            }
            other => (self.expression(other, scope), None),
        };
        Field {
            origin,
            ..Field::new(name, data_type)
        }
    }

    fn fields_of(&mut self, row: &Type, written: &str, is_open: &mut bool) -> Vec<Field> {
        match row {
            Type::Struct(fields) => fields
                .iter()
                .filter(|field| !field.hidden)
                .cloned()
                .collect(),
            Type::Unknown => {
                *is_open = true;
                Vec::new()
            }
            Type::Cut | Type::Opaque => {
                self.refuse_star(written);
                Vec::new()
            }
            Type::Array(_) => {
                let reason =
                    format!("{written}: an array has no fields; read its elements through UNNEST");
                self.fault(FaultKind::Repeated, written, reason);
                Vec::new()
            }
            Type::Scalar | Type::Json | Type::Suffix(_) => {
                let reason = format!("{written}: a single value has no fields");
                self.fault(FaultKind::Field, written, reason);
                Vec::new()
            }
        }
    }

    /// What `parts.*` stands for.
    pub fn row_of(&mut self, parts: &[String], scope: &Scope) -> Type {
        if let Some(row) = scope.star_of(parts) {
            return row;
        }
        let (value, _) = self.column(parts, scope);
        match (self.dialect, &value) {
            (Dialect::Bigquery, _) | (_, Type::Unknown) => value,
            (Dialect::Postgres, _) => {
                let written = parts.join(".");
                let reason = format!("{written} is a column, not a table: write ({written}).*");
                self.fault(FaultKind::Column, &written, reason);
                Type::Unknown
            }
        }
    }

    /// Refuses `.*` of a value whose fields the schema does not have.
    pub fn refuse_star(&mut self, written: &str) {
        let reason = format!(
            "{written}: the schema does not have its fields, so what .* stands for can't be checked: leave it out"
        );
        self.fault(FaultKind::Field, written, reason);
    }

    /// Refuses `*` if it stands for columns that the schema does not have.
    pub fn refuse_cut_star(&mut self, scope: &Scope) {
        if scope.relations.iter().any(|relation| relation.is_cut) {
            self.refuse_star("*");
        }
    }

    pub fn star(&self, scope: &Scope) -> Vec<Field> {
        let mut fields = Vec::new();
        let mut merged_done = vec![false; scope.merged.len()];
        let relations = scope.relations.iter().enumerate();
        for (index, relation) in relations.filter(|(_, relation)| !relation.only_qualified) {
            for field in relation.fields.iter().filter(|field| !field.hidden) {
                let merged = scope.merged.iter().position(|merged| {
                    merged.relations.contains(&index) && self.same(&merged.field.name, &field.name)
                });
                match merged {
                    Some(position) if merged_done[position] => {}
                    Some(position) => {
                        merged_done[position] = true;
                        fields.push(scope.merged[position].field.clone());
                    }
                    None => fields.push(field.clone()),
                }
            }
        }
        fields
    }

    fn add_star(
        &mut self,
        mut fields: Vec<Field>,
        options: &WildcardAdditionalOptions,
        scope: &Scope,
        output: &mut Output,
    ) {
        if options.opt_ilike.is_some()
            || options.opt_exclude.is_some()
            || options.opt_rename.is_some()
            || options.opt_alias.is_some()
        {
            self.unsupported("an option after *");
        }
        if let Some(except) = &options.opt_except {
            self.only_in(Dialect::Bigquery, "except after *");
            for ident in std::iter::once(&except.first_element).chain(&except.additional_elements) {
                let name = self.fold(ident);
                self.must_have(&fields, &name, "except", output.is_open);
                fields.retain(|field| !self.same(&field.name, &name));
            }
        }
        if let Some(replace) = &options.opt_replace {
            self.only_in(Dialect::Bigquery, "replace after *");
            for item in &replace.items {
                let name = self.fold(&item.column_name);
                let data_type = self.expression(&item.expr, scope);
                self.must_have(&fields, &name, "replace", output.is_open);
                let replaced = fields
                    .iter_mut()
                    .find(|field| crate::spelling::same(&field.name, &name, scope.dialect));
                if let Some(field) = replaced {
                    *field = Field::new(name, data_type);
                }
            }
        }
        for field in &fields {
            self.record(field.origin.as_slice());
        }
        output.fields.append(&mut fields);
    }

    fn must_have(&mut self, fields: &[Field], name: &str, clause: &str, is_open: bool) {
        if !is_open && !fields.iter().any(|field| self.same(&field.name, name)) {
            let have = fields.iter().map(|field| field.name.as_str());
            let hint = nearest::hint(name, have);
            let reason = format!("* has no column {name} for {clause}{hint}");
            self.fault(FaultKind::Column, name, reason);
        }
    }

    /// The warehouse's name for a column without an alias; none if it has no name that a query can write.
    pub fn implied_name(&self, expression: &Expr) -> Option<String> {
        match (expression, self.dialect) {
            (Expr::Identifier(ident), _) => Some(self.fold(ident)),
            (Expr::CompoundIdentifier(idents), _) => idents.last().map(|ident| self.fold(ident)),
            (Expr::CompoundFieldAccess { access_chain, .. }, _) => match access_chain.last() {
                Some(AccessExpr::Dot(Expr::Identifier(ident))) => Some(self.fold(ident)),
                _ => None,
            },
            (Expr::Nested(inner), _) => self.implied_name(inner),
            (_, Dialect::Bigquery) => None,
            (Expr::Function(function), Dialect::Postgres) => function
                .name
                .0
                .last()?
                .as_ident()
                .map(|name| self.fold(name)),
            (
                Expr::Cast {
                    expr, data_type, ..
                },
                Dialect::Postgres,
            ) => self
                .implied_name(expr)
                .or_else(|| Some(data_type.to_string().to_lowercase())),
            (Expr::Case { else_result, .. }, Dialect::Postgres) => else_result
                .as_deref()
                .and_then(|result| match result {
                    Expr::Identifier(_) | Expr::CompoundIdentifier(_) => self.implied_name(result),
                    _ => None,
                })
                .or_else(|| Some("case".to_owned())),
            (Expr::Extract { .. }, Dialect::Postgres) => Some("extract".to_owned()),
            (Expr::Exists { .. }, Dialect::Postgres) => Some("exists".to_owned()),
            (Expr::Array(_), Dialect::Postgres) => Some("array".to_owned()),
            (_, Dialect::Postgres) => None,
        }
    }

    /// Resolves a name and records the columns that it mentions. After a fault the type is unknown.
    pub fn column(
        &mut self,
        parts: &[String],
        scope: &Scope,
    ) -> (Type, Option<Rc<crate::types::Origin>>) {
        match scope.resolve(parts) {
            Ok(resolved) => {
                self.record(&resolved.origins);
                let origin = resolved.origins.last().cloned();
                (resolved.data_type, origin)
            }
            Err(fault) => {
                self.push(fault);
                (Type::Unknown, None)
            }
        }
    }
}
