//! The queries of views, as far as a scope sees all that they name.

use std::collections::BTreeSet;

use platform::auth::Names;

use super::Whole;
use super::hidden::Hidden;
use crate::document::Table;
use crate::literals::{has_placeholder, literal};

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
        if !read.is_some_and(|ids| ids.iter().all(|id| datasets.contain(id))) {
            return false;
        }
        let sql = hidden.sql(&definition.sql);
        let Some(tokens) = &sql.tokens else {
            return false;
        };
        let tables = definition.tables.iter().filter_map(|name| self.table(name));
        let tables: Vec<&Table> = tables.chain([table]).collect();
        let fields: Vec<_> = tables.iter().map(|it| hidden.fields(it)).collect();
        // A literal that is masked may have named a hidden field.
        let is_unknown = has_placeholder(sql.text) && fields.iter().any(|it| it.exist());
        // Its literals and comments may name something as well.
        let mut texts = tokens.iter().filter_map(literal).chain([&*sql.comments]);
        !is_unknown
            && !hidden.are_in(sql.text)
            && !hidden.is_named_in(&sql, &tables)
            && !fields.iter().any(|it| it.are_in_sql(&sql))
            && !texts.any(|text| hidden.columns_are_in(text))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::empty;
    use super::super::within;
    use super::*;
    use crate::Dialect;
    use crate::document::{Column, Definition, Document, SourceKind, TableKind};

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
            ("SELECT '[SECRET]'::text AS id FROM shop.orders", false),
        ] {
            assert_eq!(seen(sql), expected, "{sql}");
        }
    }

    /// Whether a reader of `p.shop` sees the query of a view of `shop.orders`, which has this column.
    fn is_seen(column: &serde_json::Value, dialect: Dialect, sql: &str) -> bool {
        let table = |dataset: &str, name: &str, columns: serde_json::Value| {
            let mut table = Table::new(["p", dataset, name], TableKind::Table);
            table.columns = serde_json::from_value(columns).unwrap();
            table
        };
        let mut view = Table::new(["p", "shop", "of_orders"], TableKind::View);
        view.definition = Definition::read(sql);
        view.definition.as_mut().unwrap().tables = vec!["p.shop.orders".to_owned()];
        let secret =
            json!([{"name": "salary_secret", "type": "int"}, {"name": "id", "type": "int"}]);
        let mut document = Document {
            tables: vec![
                table(
                    "shop",
                    "orders",
                    json!([{"name": "id", "type": "int"}, column]),
                ),
                table("hr", "people", secret),
                view,
            ],
            ..empty()
        };
        document.source.dialect = dialect;
        if dialect == Dialect::Postgres {
            document.source.kind = SourceKind::Postgres;
        }
        let seen = within(&document, &Names::only(["p.shop"]));
        seen.tables[1].definition.is_some()
    }

    #[test]
    fn the_query_of_a_view_opens_no_column_whose_fields_are_unknown() {
        let unknown = [
            json!({"name": "s", "type": "record", "cut": true}),
            json!({"name": "s", "type": "record[]"}),
            json!({"name": "s", "type": "shop.large", "cut": true}),
        ];
        for column in &unknown {
            for (sql, expected) in [
                ("SELECT orders.id, orders.s FROM shop.orders", true),
                (
                    "SELECT row_to_json(orders.s) -> 'boss' AS id FROM shop.orders",
                    false,
                ),
                (
                    "SELECT to_jsonb(orders.s) ->> '[SECRET]' AS id FROM shop.orders",
                    false,
                ),
                ("SELECT (orders.s).boss AS id FROM shop.orders", false),
            ] {
                let seen = is_seen(column, Dialect::Postgres, sql);
                assert_eq!(seen, expected, "{column} {sql}");
            }
        }
        let labels = json!({"name": "s", "type": "shop.mood", "enum_labels": ["sad"], "cut": true});
        let sql = "SELECT (orders.s)::text AS id FROM shop.orders";
        assert!(is_seen(&labels, Dialect::Postgres, sql));
        let record = json!({"name": "s", "type": "RECORD", "cut": true});
        let sql = "select to_json_string(s) as id from `p.shop.orders`";
        assert!(is_seen(&record, Dialect::Bigquery, sql));
    }

    #[test]
    fn a_literal_or_comment_of_a_view_names_no_column_that_only_hidden_tables_have() {
        let column = json!({"name": "mood", "type": "text"});
        for (sql, expected) in [
            ("select 'salary_secret' as id from shop.orders", false),
            ("select '$.salary_secret' as id from shop.orders", false),
            ("select id /* not salary_secret */ from shop.orders", false),
            ("select 'id' as id, mood from shop.orders", true),
            ("select 'cut in the middle from shop.orders", false),
        ] {
            for dialect in [Dialect::Postgres, Dialect::Bigquery] {
                assert_eq!(is_seen(&column, dialect, sql), expected, "{sql}");
            }
        }
        let row = json!({"name": "lay", "type": "hr.people", "fields": [{"name": "bonus", "type": "int"}]});
        let sql = "select 'the bonus' as id from shop.orders";
        assert!(!is_seen(&row, Dialect::Postgres, sql));
    }

    #[test]
    fn a_field_belongs_to_the_dataset_of_its_type() {
        let fields = json!([{"name": "bonus", "type": "int"}]);
        let of_hr = json!({"name": "lay", "type": "hr.people[]", "fields": fields});
        let nested = json!([{"name": "street", "type": "text"}, of_hr]);
        let column = json!({"name": "place", "type": "shop.place", "fields": nested});
        let mut document = Document {
            tables: ["shop", "hr"]
                .map(|dataset| Table::new(["p", dataset, "orders"], TableKind::Table))
                .into(),
            ..empty()
        };
        document.tables[0].columns = vec![serde_json::from_value(column).unwrap()];
        document.source.dialect = Dialect::Postgres;
        let whole = Whole::of(&document);
        for (scope, text, expected) in [
            (&["p.shop"][..], "street", false),
            (&["p.shop"], "lay", false),
            (&["p.shop"], "the Bonus", true),
            (&["p.hr"], "street", true),
            (&["p.hr", "p.shop"], "the bonus of the street", false),
            (&[], "lay", true),
        ] {
            let scope = Names::only(scope.iter().copied());
            let is_hidden = whole.hidden(&scope).columns_are_in(text);
            assert_eq!(is_hidden, expected, "{scope:?} {text}");
        }
    }

    #[test]
    fn views_of_many_datasets_are_dated_in_time() {
        const COUNT: usize = 1_500;
        let dataset = |at: usize| {
            let name = format!("d{at}");
            let mut table = Table::new(["p", &name, "t"], TableKind::Table);
            let columns = (0..40).map(|n| Column::leaf(format!("c{at}_{n}"), "text"));
            table.columns = columns.collect();
            let mut view = Table::new(["p", &name, "v"], TableKind::View);
            view.definition = Definition::read("select 'x' as id from t");
            [table, view]
        };
        let mut document = Document {
            tables: (0..COUNT).flat_map(dataset).collect(),
            ..empty()
        };
        let started = std::time::Instant::now();
        document.date_datasets(None);
        let took = started.elapsed();
        assert_eq!(document.ledger.changed_at.len(), COUNT);
        assert!(took.as_secs() < 10, "{took:?}");
    }
}
