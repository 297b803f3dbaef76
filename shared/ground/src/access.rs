//! Access to parts of a value: fields and array positions.

use schema::Dialect;
use sqlparser::ast::{AccessExpr, Expr, Subscript};

use crate::fault::FaultKind;
use crate::function;
use crate::path::descend;
use crate::resolver::Resolver;
use crate::rewrite::is_all_fields;
use crate::scope::Scope;
use crate::types::Type;

impl Resolver<'_, '_> {
    /// `a.b[offset(0)].c`: names, then positions and further names.
    pub fn access(&mut self, root: &Expr, chain: &[AccessExpr], scope: &Scope) -> Type {
        let mut chain = chain.iter().peekable();
        let mut written;
        let mut value = match root {
            Expr::Identifier(ident) => {
                let mut parts = vec![self.fold(ident)];
                while let Some(AccessExpr::Dot(Expr::Identifier(next))) = chain.peek() {
                    parts.push(self.fold(next));
                    chain.next();
                }
                written = parts.join(".");
                self.column(&parts, scope).0
            }
            other => {
                written = self.shown(other);
                self.expression(other, scope)
            }
        };
        let mut is_element = false;
        for access in chain {
            value = match access {
                AccessExpr::Dot(Expr::Identifier(all)) if is_all_fields(all) => match value {
                    Type::Cut | Type::Opaque => {
                        self.refuse_star(&written);
                        Type::Unknown
                    }
                    row => row,
                },
                AccessExpr::Dot(Expr::Identifier(name)) => {
                    let name = self.fold(name);
                    let found = descend(
                        value,
                        &written,
                        std::slice::from_ref(&name),
                        Vec::new(),
                        self.dialect,
                    );
                    written = format!("{written}.{name}");
                    match found {
                        Ok(resolved) => {
                            self.record(&resolved.origins);
                            resolved.data_type
                        }
                        Err(fault) => {
                            self.push(fault);
                            Type::Unknown
                        }
                    }
                }
                AccessExpr::Dot(_) => {
                    self.unsupported("this expression after a dot");
                    Type::Unknown
                }
                // A Postgres array has any number of dimensions: `grid[1][2]`.
                AccessExpr::Subscript(Subscript::Index { index })
                    if is_element
                        && self.dialect == Dialect::Postgres
                        && !matches!(value, Type::Array(_) | Type::Json | Type::Unknown) =>
                {
                    self.expression(index, scope);
                    value
                }
                AccessExpr::Subscript(subscript) => {
                    self.subscript(&value, subscript, &written, scope)
                }
            };
            is_element = matches!(access, AccessExpr::Subscript(_));
        }
        value
    }

    fn subscript(
        &mut self,
        value: &Type,
        subscript: &Subscript,
        written: &str,
        scope: &Scope,
    ) -> Type {
        match subscript {
            Subscript::Index { index } => {
                let position = match index {
                    Expr::Function(function) if self.dialect == Dialect::Bigquery => {
                        function::position(function)
                    }
                    _ => None,
                };
                self.expression(position.unwrap_or(index), scope);
                match value {
                    Type::Array(_) | Type::Json | Type::Opaque | Type::Unknown => value.element(),
                    Type::Scalar | Type::Struct(_) | Type::Suffix(_) | Type::Cut => {
                        let reason = format!("{written} is not an array, so it has no positions");
                        self.fault(FaultKind::Field, written, reason);
                        Type::Unknown
                    }
                }
            }
            Subscript::Slice {
                lower_bound,
                upper_bound,
                stride,
            } => {
                self.only_in(Dialect::Postgres, "slice of an array");
                self.all(lower_bound.iter().chain(upper_bound).chain(stride), scope);
                value.clone()
            }
        }
    }
}
