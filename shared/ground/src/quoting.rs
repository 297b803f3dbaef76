//! Names that need quotes, and literals where a name belongs. The parser accepts both.

use std::ops::ControlFlow;

use schema::Dialect;
use schema::render::identifier;
use sqlparser::ast::{
    Expr, Ident, ObjectName, Query, SelectItem, SetExpr, TableAlias, TableFactor, Visit, Visitor,
};

use crate::fault::{Fault, FaultKind};

/// The faults of the names in a query.
pub(crate) fn check(query: &Query, dialect: Dialect) -> Vec<Fault> {
    let mut names = Names {
        dialect,
        faults: Vec::new(),
    };
    let _: ControlFlow<()> = query.visit(&mut names);
    names.faults
}

struct Names {
    dialect: Dialect,
    faults: Vec<Fault>,
}

impl Names {
    /// A name at the beginning of a path. After a dot, reserved words need no quotes.
    fn first(&mut self, ident: &Ident) {
        let lower = ident.value.to_ascii_lowercase();
        let is_reserved = ident.quote_style.is_none()
            && lower.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            && identifier(&lower, self.dialect) != lower;
        if is_reserved {
            let reason = format!(
                "{} is a reserved word{}: write {} to use it as a name",
                ident.value,
                place(ident),
                identifier(&ident.value, self.dialect)
            );
            self.push(FaultKind::Name, &ident.value, reason);
        } else {
            self.not_literal(ident);
        }
    }

    fn not_literal(&mut self, ident: &Ident) {
        let is_literal = match (ident.quote_style, self.dialect) {
            (Some('\''), _) => true,
            (Some('"'), dialect) => dialect == Dialect::Bigquery,
            _ => false,
        };
        if is_literal {
            let reason = format!(
                "{} is a text in quotes{}, and a name is expected: write {}",
                ident.value,
                place(ident),
                identifier(&ident.value, self.dialect)
            );
            self.push(FaultKind::Name, &ident.value, reason);
        }
    }

    fn push(&mut self, kind: FaultKind, name: &str, reason: String) {
        let fault = Fault::new(kind, name, reason);
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    fn path(&mut self, idents: &[Ident]) {
        let Some((first, rest)) = idents.split_first() else {
            return;
        };
        self.first(first);
        for ident in rest {
            self.not_literal(ident);
        }
    }

    fn alias(&mut self, alias: &TableAlias) {
        self.first(&alias.name);
        for column in &alias.columns {
            self.first(&column.name);
        }
    }

    /// The name of a column of the result. In Postgres any word may follow `as`.
    fn label(&mut self, ident: &Ident) {
        match self.dialect {
            Dialect::Bigquery => self.first(ident),
            Dialect::Postgres => self.not_literal(ident),
        }
    }
}

fn place(ident: &Ident) -> String {
    let start = ident.span.start;
    match start.line {
        0 => String::new(),
        line => format!(" at line {line}, column {}", start.column),
    }
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for table in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.alias(&table.alias);
        }
        let mut bodies = vec![&*query.body];
        while let Some(body) = bodies.pop() {
            match body {
                SetExpr::Select(select) => {
                    for item in &select.projection {
                        if let SelectItem::ExprWithAlias { alias, .. } = item {
                            self.label(alias);
                        }
                    }
                    for window in &select.named_window {
                        self.first(&window.0);
                    }
                }
                SetExpr::SetOperation { left, right, .. } => bodies.extend([&**left, &**right]),
                _ => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let mut idents: Vec<Ident> = Vec::new();
        for ident in relation.0.iter().filter_map(|part| part.as_ident()) {
            match idents.last_mut() {
                // The parser splits `'a.b'` into names at one place.
                Some(last) if last.span == ident.span && last.quote_style.is_some() => {
                    last.value = format!("{}.{}", last.value, ident.value);
                }
                _ => idents.push(ident.clone()),
            }
        }
        self.path(&idents);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table {
                alias: Some(alias), ..
            }
            | TableFactor::Derived {
                alias: Some(alias), ..
            }
            | TableFactor::Function {
                alias: Some(alias), ..
            } => self.alias(alias),
            TableFactor::UNNEST {
                alias,
                with_offset_alias,
                ..
            } => {
                if let Some(alias) = alias {
                    self.alias(alias);
                }
                if let Some(offset) = with_offset_alias {
                    self.first(offset);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        match expression {
            Expr::Identifier(ident) => self.first(ident),
            Expr::CompoundIdentifier(idents) => self.path(idents),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
