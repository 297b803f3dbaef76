//! Conditions: `where` and `on`, and the filters that a table requires.

use schema::document::Table;
use sqlparser::ast::Expr;

use crate::fault::FaultKind;
use crate::resolver::Resolver;
use crate::scope::Scope;
use crate::types::Type;

impl Resolver<'_, '_> {
    pub fn condition(&mut self, condition: &Expr, scope: &Scope) -> Type {
        let outer = (self.conditions.is_here, self.conditions.is_inside);
        self.conditions.is_here = true;
        self.conditions.is_inside = true;
        self.conditions.count += 1;
        let result = self.expression(condition, scope);
        (self.conditions.is_here, self.conditions.is_inside) = outer;
        result
    }

    /// Notes the filter that a table requires.
    pub fn require_filter(&mut self, table: &Table) {
        let Some(partitioning) = table.partitioning.as_ref() else {
            return;
        };
        if !table.require_partition_filter {
            return;
        }
        let columns = table.partition_columns().into_iter();
        let mut names: Vec<String> = columns.map(|column| column.name.to_lowercase()).collect();
        names.push(partitioning.column.to_lowercase());
        if partitioning.column.eq_ignore_ascii_case("_PARTITIONTIME") {
            names.push("_partitiondate".to_owned());
        }
        self.conditions.required.push((table.name.clone(), names));
    }

    /// BigQuery refuses a query without the filter. It also accepts one on a value that an inner query
    /// computes from the column, which is not followed here.
    pub fn check_filters(&mut self) {
        for (table, columns) in std::mem::take(&mut self.conditions.required) {
            let is_filtered = columns
                .iter()
                .any(|column| self.conditions.mentioned.contains(column));
            let is_computed = self.conditions.count > 0 && self.mentions(&table, &columns);
            if !is_filtered && !is_computed {
                let column = columns.last().map_or("", String::as_str);
                let reason = format!(
                    "{table} requires a filter on the column it is partitioned by: add a condition \
                     on {column}"
                );
                self.fault(FaultKind::Column, column, reason);
            }
        }
    }
}
