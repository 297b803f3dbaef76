//! Queries: `with`, set operations and the clauses of a `select`, in the order they are resolved.

use platform::plural::counted;
use schema::Dialect;
use sqlparser::ast::{
    Distinct, LimitClause, NamedWindowExpr, OrderBy, Query, Select, SelectFlavor, SelectItem,
    SetExpr, TableAliasColumnDef, ValueTableMode, With,
};

use crate::fault::FaultKind;
use crate::pipe::is_piped;
use crate::resolver::{Cte, Output, Resolver};
use crate::scope::{Aliases, Scope};
use crate::spelling::same;
use crate::types::{Field, Type};

impl Resolver<'_, '_> {
    pub fn query(&mut self, query: &Query, parent: Option<&Scope>) -> Output {
        let outer_ctes = self.ctes.len();
        let in_condition = std::mem::take(&mut self.conditions.is_here);
        let aggregates = self.aggregates;
        self.refuse_clauses(query);
        if let Some(with) = &query.with {
            self.with(with, parent);
        }
        let output = match &*query.body {
            _ if is_piped(query, self.dialect) => self.piped(query, parent),
            SetExpr::Select(select) => self.select(select, query.order_by.as_ref(), parent),
            body => {
                let output = self.set_expression(body, parent);
                self.order_by_output(query, &output);
                output
            }
        };
        self.ctes.truncate(outer_ctes);
        self.conditions.is_here = in_condition;
        self.aggregates = aggregates;
        output
    }

    fn refuse_clauses(&mut self, query: &Query) {
        if !query.locks.is_empty() {
            self.fault(
                FaultKind::NotReadOnly,
                "for update",
                "locking rows is not allowed",
            );
        }
        if query.for_clause.is_some() || query.settings.is_some() || query.format_clause.is_some() {
            self.unsupported("a clause after the query");
        }
        let nowhere = Scope::new(self.dialect, None);
        match &query.limit_clause {
            None => {}
            Some(LimitClause::LimitOffset {
                limit,
                offset,
                limit_by,
            }) => {
                if !limit_by.is_empty() {
                    self.unsupported("limit by");
                }
                for value in limit
                    .iter()
                    .chain(offset.iter().map(|offset| &offset.value))
                {
                    self.expression(value, &nowhere);
                }
            }
            Some(LimitClause::OffsetCommaLimit { .. }) => self.unsupported("limit with a comma"),
        }
        if let Some(fetch) = &query.fetch {
            self.only_in(Dialect::Postgres, "fetch first");
            if let Some(quantity) = &fetch.quantity {
                self.expression(quantity, &nowhere);
            }
        }
    }

    fn with(&mut self, with: &With, parent: Option<&Scope>) {
        // A BigQuery `with` does not see the enclosing query.
        let parent = parent.filter(|_| self.dialect == Dialect::Postgres);
        let first = self.ctes.len();
        for cte in &with.cte_tables {
            let name = self.fold(&cte.alias.name);
            if self.ctes[first..]
                .iter()
                .any(|known| same(&known.name, &name, self.dialect))
            {
                self.fault(
                    FaultKind::Ambiguous,
                    &name,
                    format!("with defines {name} twice"),
                );
            }
            if cte.from.is_some() {
                self.unsupported("from after a with table");
            }
            let mut output = match &*cte.query.body {
                SetExpr::SetOperation { left, right, .. } if with.recursive => {
                    let inner = self.ctes.len();
                    self.refuse_clauses(&cte.query);
                    if let Some(with) = &cte.query.with {
                        self.with(with, parent);
                    }
                    // The part before `union` defines the columns that the part after it reads.
                    let mut anchor = self.set_expression(left, parent);
                    self.rename(&mut anchor.fields, &cte.alias.columns, &name);
                    self.ctes.push(Cte {
                        name: name.clone(),
                        output: anchor.clone(),
                    });
                    let rest = self.set_expression(right, parent);
                    let output = self.combine(anchor, rest, "union");
                    self.order_by_output(&cte.query, &output);
                    self.ctes.truncate(inner);
                    output
                }
                _ => self.query(&cte.query, parent),
            };
            self.rename(&mut output.fields, &cte.alias.columns, &name);
            self.ctes.push(Cte { name, output });
        }
    }

    /// Renames columns by `alias (a, b)`.
    pub fn rename(&mut self, fields: &mut [Field], names: &[TableAliasColumnDef], alias: &str) {
        if names.is_empty() {
            return;
        }
        self.only_in(Dialect::Postgres, "column list after an alias");
        if names.len() > fields.len() {
            let reason = format!(
                "{alias} has {}, and its alias names {}",
                counted(fields.len(), "column"),
                names.len()
            );
            self.fault(FaultKind::Column, alias, reason);
        }
        for (field, name) in fields.iter_mut().zip(names) {
            field.name = self.fold(&name.name);
        }
    }

    pub fn select(
        &mut self,
        select: &Select,
        order_by: Option<&OrderBy>,
        parent: Option<&Scope>,
    ) -> Output {
        self.refuse_parts(select);
        let outer_query = self.conditions.begin_query();
        let mut scope = Scope::new(self.dialect, parent);
        for item in &select.from {
            self.from(item, &mut scope);
        }
        scope.selected = self.aliases(&select.projection);
        if let Some(condition) = &select.selection {
            self.condition(condition, &scope);
        }
        for window in &select.named_window {
            let name = self.fold(&window.0);
            scope.windows.push(name);
        }
        for window in &select.named_window {
            match &window.1 {
                NamedWindowExpr::NamedWindow(name) => self.named_window(name, &scope),
                NamedWindowExpr::WindowSpec(window) => self.window(window, &scope),
            }
        }
        let mut output = self.projection(&select.projection, &scope);
        scope.selected.clone_from(&output.fields);
        if let Some(Distinct::On(keys)) = &select.distinct {
            self.only_in(Dialect::Postgres, "distinct on");
            for key in keys {
                self.by_alias(key, &mut scope, Aliases::BeforeColumns);
            }
        }
        self.group_by(&select.group_by, &mut scope, &output);
        let is_late = std::mem::replace(&mut self.conditions.is_late, true);
        for condition in select.having.iter().chain(&select.qualify) {
            if self.dialect == Dialect::Bigquery {
                scope.aliases = Aliases::AfterColumns;
            }
            self.expression(condition, &scope);
            scope.aliases = Aliases::Hidden;
        }
        self.conditions.is_late = is_late;
        if select.qualify.is_some() {
            self.only_in(Dialect::Bigquery, "qualify");
        }
        if let Some(order_by) = order_by {
            self.order_by(order_by, &mut scope, &output);
        }
        match select.value_table_mode {
            None => {}
            Some(ValueTableMode::AsStruct | ValueTableMode::DistinctAsStruct) => {
                output.value = Some(Type::structure(output.fields.clone()));
            }
            Some(ValueTableMode::AsValue | ValueTableMode::DistinctAsValue) => {
                let value = output
                    .fields
                    .first()
                    .map_or(Type::Unknown, |field| field.data_type.clone());
                if let Type::Struct(fields) = &value {
                    output.fields = fields.to_vec();
                }
                output.value = Some(value);
            }
        }
        self.conditions.query = outer_query;
        output
    }

    /// The names that the select list will define, for the reasons of faults before it.
    fn aliases(&self, items: &[SelectItem]) -> Vec<Field> {
        let named = items.iter().filter_map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(self.fold(alias)),
            _ => None,
        });
        named.map(|name| Field::new(name, Type::Unknown)).collect()
    }

    fn refuse_parts(&mut self, select: &Select) {
        if select.into.is_some() {
            self.fault(
                FaultKind::NotReadOnly,
                "into",
                "select into creates a table",
            );
        }
        let unsupported = [
            (select.top.is_some(), "top"),
            (select.exclude.is_some(), "exclude"),
            (!select.lateral_views.is_empty(), "lateral view"),
            (select.prewhere.is_some(), "prewhere"),
            (!select.connect_by.is_empty(), "connect by"),
            (!select.cluster_by.is_empty(), "cluster by"),
            (!select.distribute_by.is_empty(), "distribute by"),
            (!select.sort_by.is_empty(), "sort by"),
            (select.select_modifiers.is_some(), "a modifier after select"),
            (
                select.flavor != SelectFlavor::Standard,
                "a query that starts with from",
            ),
        ];
        for (is_there, what) in unsupported {
            if is_there {
                self.unsupported(what);
            }
        }
    }
}
