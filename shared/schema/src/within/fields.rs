//! The fields of hidden types. On Postgres each table has a row type with its columns, so that a column of a visible
//! table may have the fields of a table that its reader may not see.

use super::clear::is_type_hidden;
use super::hidden::Hidden;
use super::opened::may_open;
use super::sql::Sql;
use crate::document::{Column, Table};
use crate::name::names_of;
use crate::stand_in;

/// The columns of a table whose type is hidden, each with the names of its fields, as words.
#[derive(Default)]
pub(super) struct HiddenFields {
    columns: Vec<(Vec<String>, Vec<Vec<String>>)>,
    /// The names of all columns of the table.
    of_table: Vec<Vec<String>>,
    /// The columns of which not all fields are known, in lower case: the user of the warehouse may not see their type, or
    /// the document doesn't hold them all.
    unknown: Vec<String>,
}

impl HiddenFields {
    pub(super) fn of(table: &Table, hidden: &Hidden) -> Self {
        let mut found = Self::default();
        found.add(&table.columns, hidden);
        if !found.columns.is_empty() {
            found.of_table = table.columns.iter().map(|it| words(&it.name)).collect();
        }
        found
    }

    fn add(&mut self, columns: &[Column], hidden: &Hidden) {
        for column in columns {
            if hidden.has_row_types() && has_unknown_fields(column) {
                self.unknown.push(column.name.to_lowercase());
            }
            if column.fields.is_empty() {
                continue;
            }
            if is_type_hidden(column, hidden) {
                let mut fields = Vec::new();
                add_names(&column.fields, &mut fields);
                self.columns.push((words(&column.name), fields));
            } else {
                self.add(&column.fields, hidden);
            }
        }
    }

    /// Whether the table has a column of a hidden type with fields, or one of which not all fields are known.
    pub(super) fn exist(&self) -> bool {
        !self.columns.is_empty() || !self.unknown.is_empty()
    }

    /// Whether one of the fields has this name, and no column of the table.
    pub(super) fn have(&self, name: &str) -> bool {
        let name = words(name);
        let mut fields = self.columns.iter().flat_map(|(_, fields)| fields);
        fields.any(|field| *field == name) && !self.of_table.contains(&name)
    }

    /// Whether a text names one of the columns and one of its fields.
    pub(super) fn are_in(&self, text: &str) -> bool {
        if self.columns.is_empty() {
            return false;
        }
        let text = words(text);
        let has = |name: &Vec<String>| {
            !name.is_empty() && text.windows(name.len()).any(|words| words == name)
        };
        let mut columns = self.columns.iter();
        columns.any(|(column, fields)| has(column) && fields.iter().any(has))
    }

    /// Whether SQL names one of the columns and one of its fields. A field with the name of a column of the table
    /// counts only right after its own column. SQL that may open a column with unknown fields counts as well.
    pub(super) fn are_in_sql(&self, sql: &Sql) -> bool {
        if !self.unknown.is_empty() && may_open(sql, &self.unknown) {
            return true;
        }
        if self.columns.is_empty() {
            return false;
        }
        let sql = words(sql.text);
        let has = |name: &[String]| {
            !name.is_empty() && sql.windows(name.len()).any(|words| words == name)
        };
        let mut columns = self.columns.iter();
        columns.any(|(column, fields)| {
            has(column)
                && fields.iter().any(|field| {
                    let path = [column.as_slice(), field.as_slice()].concat();
                    has(&path) || has(field) && !self.of_table.contains(field)
                })
        })
    }
}

fn has_unknown_fields(column: &Column) -> bool {
    let is_record = column.data_type.trim_end_matches("[]") == stand_in::RECORD;
    column.enum_labels.is_empty() && (column.cut || is_record)
}

fn add_names(fields: &[Column], names: &mut Vec<Vec<String>>) {
    for field in fields {
        names.push(words(&field.name));
        add_names(&field.fields, names);
    }
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    let words = words.filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// Whether a path of a table leads into a hidden type.
pub(super) fn is_path_hidden(table: &Table, path: &str, hidden: &Hidden) -> bool {
    let names = names_of(path);
    let mut columns = &table.columns;
    for (depth, name) in names.iter().enumerate() {
        let is_last = depth + 1 == names.len();
        match columns.iter().find(|it| it.name == *name) {
            Some(_) if is_last => return false,
            Some(column) if is_type_hidden(column, hidden) => return true,
            Some(column) => columns = &column.fields,
            // The type above has no fields any more: the one before it may have been hidden.
            None => return depth > 0 && columns.is_empty() && hidden.is_postgres(),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use platform::auth::Names;
    use serde_json::{Value, json};

    use crate::document::{Document, Table, TableKind};
    use crate::within;

    /// What a reader of `p.shop` sees of the result columns of an example.
    fn columns_seen(sql: &str, columns: &[&str]) -> Vec<String> {
        let columns: Vec<Value> = columns
            .iter()
            .map(|name| json!({"name": name, "type": "text"}))
            .collect();
        let hr = json!([{"name": "salary", "type": "numeric"}, {"name": "id", "type": "int"}]);
        let mut document: Document = serde_json::from_value(json!({
            "format": crate::document::FORMAT, "version": "", "generated_at": "2026-01-01T00:00:00Z",
            "source": {"kind": "postgres", "dialect": "postgres", "datasets": []}, "tables": [],
            "ledger": crate::document::Ledger::default(),
            "examples": [{"question": "q", "sql": sql, "origin": "person", "tables": ["p.shop.orders"],
                "verified": {"how": "dry_run", "at": "2026-01-01T00:00:00Z", "columns": columns}}]
        }))
        .unwrap();
        let table = |dataset: &str, name: &str, columns: Value| {
            let mut table = Table::new(["p", dataset, name], TableKind::Table);
            table.columns = serde_json::from_value(columns).unwrap();
            table
        };
        let orders = json!([{"name": "id", "type": "int"}, {"name": "lay", "type": "hr.people", "fields": hr}]);
        document.tables = vec![table("shop", "orders", orders), table("hr", "people", hr)];
        let seen = within(&document, &Names::only(["p.shop"]));
        let [example] = seen.examples.as_slice() else {
            panic!("the example is seen");
        };
        let verified = example.verified.as_ref().unwrap();
        let names = verified.columns.iter().map(|column| column.name.clone());
        names.collect()
    }

    #[test]
    fn the_result_columns_of_an_example_name_no_field_of_a_hidden_type() {
        let all = "select (lay).* from shop.orders";
        assert_eq!(columns_seen(all, &["salary", "id"]), [""; 0]);
        assert_eq!(columns_seen(all, &["SALARY"]), [""; 0]);
        let own = "select id, count(*) from shop.orders group by id";
        assert_eq!(columns_seen(own, &["id", "count"]), ["id", "count"]);
    }
}
