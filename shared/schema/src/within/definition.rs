//! The queries of views, as far as a scope sees all that they name.

use std::collections::BTreeSet;

use platform::auth::Names;

use super::Whole;
use super::hidden::Hidden;
use crate::document::Table;

impl<'a> Whole<'a> {
    /// The datasets that the query of a view reads, with its own; none if one is unknown.
    pub(super) fn datasets_of_definition(&self, table: &'a Table) -> Option<BTreeSet<&'a str>> {
        let definition = table.definition.as_ref()?;
        let read = definition.tables.iter();
        let read = read.map(|name| self.table(name).map(Table::dataset));
        let own = (!table.parts.is_unknown()).then(|| table.dataset());
        read.chain([own]).collect()
    }

    /// Whether the scope sees everything that the query of a view names.
    pub(super) fn shows_definition(
        &'a self,
        table: &'a Table,
        datasets: &Names,
        hidden: &Hidden<'a>,
    ) -> bool {
        let Some(definition) = &table.definition else {
            return false;
        };
        let read = self.datasets_of_definition(table);
        let is_read = read.is_some_and(|ids| ids.iter().all(|id| datasets.contain(id)));
        let sql = &definition.sql;
        let tables = definition.tables.iter().filter_map(|name| self.table(name));
        let tables: Vec<&Table> = tables.chain([table]).collect();
        // Its literals and comments may name something as well.
        is_read
            && !hidden.are_in(sql)
            && !hidden.is_named_in(sql, &tables)
            && !tables.iter().any(|it| hidden.fields(it).are_in_sql(sql))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::empty;
    use super::super::within;
    use super::*;
    use crate::Dialect;
    use crate::document::{Definition, Document, SourceKind, TableKind};

    #[test]
    fn the_query_of_a_view_is_seen_only_with_every_table_that_it_reads() {
        let view = |name: &str, sql: &str, tables: &[&str]| {
            let mut view = Table::new(["p", "shop", name], TableKind::View);
            view.definition = Some(Definition {
                sql: sql.to_owned(),
                tables: tables.iter().map(|table| (*table).to_owned()).collect(),
                cut: false,
            });
            view
        };
        let document = Document {
            tables: vec![
                Table::new(["p", "hr", "people"], TableKind::Table),
                Table::new(["p", "shop", "orders"], TableKind::Table),
                view("both", "select 1", &["p.hr.people", "p.shop.orders"]),
                view("gone", "select 2", &["p.gone.table"]),
                view("named", "select 3 as people", &["p.shop.orders"]),
                view("own", "select 4", &["p.shop.orders"]),
            ],
            ..empty()
        };
        let seen = |scope: &[&str]| {
            let seen = within(&document, &Names::only(scope.iter().copied())).tables;
            let seen = seen.into_iter();
            let seen = seen.filter(|table| table.definition.is_some());
            let names = seen.map(|table| table.own_name().to_owned());
            names.collect::<Vec<_>>()
        };
        assert_eq!(seen(&["p.shop"]), ["own"]);
        assert_eq!(seen(&["p.hr", "p.shop"]), ["both", "named", "own"]);
    }

    #[test]
    fn the_query_of_a_view_shows_no_field_of_a_hidden_type_and_no_hidden_schema() {
        let mut orders = Table::new(["p", "shop", "orders"], TableKind::Table);
        let fields = json!([{"name": "salary", "type": "numeric"}]);
        let column = json!({"name": "clerk", "type": "hr.people", "fields": fields});
        orders.columns = vec![serde_json::from_value(column).unwrap()];
        let seen = |sql: &str| {
            let mut view = Table::new(["p", "shop", "of_orders"], TableKind::View);
            view.definition = Definition::read(sql);
            view.definition.as_mut().unwrap().tables = vec!["p.shop.orders".to_owned()];
            let mut document = Document {
                tables: vec![orders.clone(), view],
                ..empty()
            };
            document.source.kind = SourceKind::Postgres;
            document.source.dialect = Dialect::Postgres;
            let within = within(&document, &Names::only(["p.shop"]));
            within.tables[1].definition.is_some()
        };
        for (sql, expected) in [
            ("SELECT o.id FROM shop.orders o", true),
            ("SELECT (o.clerk).salary AS id FROM shop.orders o", false),
            ("SELECT hr.level(o.id) AS id FROM shop.orders o", false),
            ("SELECT 'x'::hr.mood AS id FROM shop.orders o", false),
            ("SELECT ops.level(o.id) AS id FROM shop.orders o", false),
            ("SELECT 'ops.mood' AS id FROM shop.orders", true),
        ] {
            assert_eq!(seen(sql), expected, "{sql}");
        }
    }
}
