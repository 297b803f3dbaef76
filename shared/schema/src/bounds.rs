//! The size limits of a table and of a document.
//!
//! Nested composite types (a composite of four composites of four ...) are small in a warehouse's
//! catalog but expand to millions of fields. A tree of columns is therefore expanded level by level
//! within a [`Budget`], never as a whole: the outermost columns are kept, the fields of a struct are
//! included all or not at all, and `cut` marks where some are missing.

use std::io;

use platform::excerpt::cut;
use platform::plural::counted;
use serde::Serialize;

use crate::description::short;
use crate::document::{Column, Definition, Ledger, Problem, Table};

/// Columns and nested fields of one table; also BigQuery's limit.
pub const MAX_FIELDS: usize = 10_000;
/// The size of one table in JSON.
pub const MAX_TABLE_BYTES: usize = 4 << 20;
/// The size of all tables in JSON, which a reader on Lambda can hold.
pub const MAX_TABLES_BYTES: usize = 64 << 20;
/// The size of what a table has besides columns, in JSON.
const MAX_REST_BYTES: usize = 1 << 20;
/// The longest query of a view, in characters.
pub const MAX_DEFINITION: usize = 16_384;
/// The most labels of one enum type.
pub const MAX_LABELS: usize = 1_000;
/// The siblings, foreign keys and heirs of a table that has too much besides its columns.
const MAX_SIBLINGS: usize = 100;
const MAX_FOREIGN_KEYS: usize = 1_000;
const MAX_HEIRS: usize = 1_000;
/// The notes in a ledger, and the characters of each.
const MAX_NOTES: usize = 1_000;
const MAX_NOTE: usize = 2_000;
/// How many cut tables are named; the others are counted.
const MAX_CUT_NAMED: usize = 20;
/// The JSON around a column: `,"fields":[]`, `,"cut":true`, a comma.
const AROUND: usize = 32;

/// The remaining room for fields.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    pub fields: usize,
    /// Bytes of their JSON.
    pub bytes: usize,
}

impl Budget {
    /// The budget of one table.
    pub const TABLE: Self = Self {
        fields: MAX_FIELDS,
        bytes: MAX_TABLE_BYTES - MAX_REST_BYTES,
    };

    /// This budget with only `bytes` for what is nested in the columns.
    #[must_use]
    pub fn for_nested<F>(self, bytes: usize, columns: &[(Column, F)]) -> Self {
        let own = columns.iter().map(|(column, _)| weight(column));
        Self {
            bytes: self.bytes.min(own.sum::<usize>().saturating_add(bytes)),
            ..self
        }
    }

    fn take(&mut self, columns: &[Column]) -> bool {
        let weight: usize = columns.iter().map(weight).sum();
        if columns.len() > self.fields || weight > self.bytes {
            return false;
        }
        self.fields -= columns.len();
        self.bytes -= weight;
        true
    }
}

/// The size of a column without its fields, in bytes.
fn weight(column: &Column) -> usize {
    bytes(column) + AROUND
}

/// Where the fields of a column come from.
pub trait Fields: Sized {
    /// Whether the column has fields.
    fn exist(&self) -> bool;

    /// The fields, each with the source of its own fields; none if they are nested too deeply.
    fn read(&self) -> Option<Vec<(Column, Self)>>;
}

struct Node<F> {
    column: Column,
    fields: F,
    parent: Option<usize>,
}

/// Expands columns as far as the budget allows. Returns whether some are missing.
pub fn grow<F: Fields>(columns: Vec<(Column, F)>, budget: &mut Budget) -> (Vec<Column>, bool) {
    let mut nodes: Vec<Node<F>> = Vec::with_capacity(columns.len());
    let mut is_full = false;
    for (column, fields) in columns {
        is_full = is_full || !budget.take(std::slice::from_ref(&column));
        if is_full {
            break;
        }
        nodes.push(Node {
            column,
            fields,
            parent: None,
        });
    }
    let mut is_cut = is_full;
    let mut at = 0;
    while at < nodes.len() {
        let parent = at;
        at += 1;
        if !nodes[parent].fields.exist() {
            continue;
        }
        // Nothing is read after the first that does not fit, which bounds the work as well.
        let read = (!is_full).then(|| nodes[parent].fields.read()).flatten();
        let (columns, fields): (Vec<Column>, Vec<F>) = read.into_iter().flatten().unzip();
        if columns.is_empty() || !budget.take(&columns) {
            is_full = is_full || !columns.is_empty();
            is_cut = true;
            nodes[parent].column.cut = true;
            continue;
        }
        let pairs = columns.into_iter().zip(fields);
        nodes.extend(pairs.map(|(column, fields)| Node {
            column,
            fields,
            parent: Some(parent),
        }));
    }
    (assemble(nodes), is_cut)
}

/// Parents come before their fields.
fn assemble<F>(mut nodes: Vec<Node<F>>) -> Vec<Column> {
    let mut top = Vec::new();
    while let Some(Node {
        mut column, parent, ..
    }) = nodes.pop()
    {
        column.fields.reverse();
        match parent {
            Some(parent) => nodes[parent].column.fields.push(column),
            None => top.push(column),
        }
    }
    top.reverse();
    top
}

/// The fields of an existing tree.
impl Fields for &[Column] {
    fn exist(&self) -> bool {
        !self.is_empty()
    }

    fn read(&self) -> Option<Vec<(Column, Self)>> {
        Some(self.iter().map(alone).collect())
    }
}

fn alone(column: &Column) -> (Column, &[Column]) {
    let own = Column {
        name: column.name.clone(),
        data_type: column.data_type.clone(),
        mode: column.mode,
        description: column.description.as_deref().map(short),
        description_source: column.description_source,
        enum_labels: column.enum_labels.clone(),
        default: column.default.clone(),
        collation: column.collation.clone(),
        rounding_mode: column.rounding_mode.clone(),
        policy_tags: column.policy_tags.clone(),
        fields: Vec::new(),
        cut: column.cut,
    };
    (own, &column.fields)
}

/// Cuts the query of a view to its limit.
pub fn fit_definition(definition: &mut Definition) {
    if let Some((end, _)) = definition.sql.char_indices().nth(MAX_DEFINITION) {
        definition.sql.truncate(end);
        definition.cut = true;
    }
}

/// Cuts a table to its limits.
pub fn fit(table: &mut Table) {
    fit_to(table, MAX_TABLE_BYTES);
}

/// Returns the resulting size in bytes.
fn fit_to(table: &mut Table, most: usize) -> usize {
    let size = bytes(table);
    if count(&table.columns) <= MAX_FIELDS && size <= most {
        return size;
    }
    let columns = std::mem::take(&mut table.columns);
    if let Some(description) = &mut table.description {
        *description = short(description);
    }
    if bytes(table) > MAX_REST_BYTES.min(most) {
        table.cut = true;
        table.foreign_keys.truncate(MAX_FOREIGN_KEYS);
        table.inherited_by.truncate(MAX_HEIRS);
        if let Some(shards) = &mut table.shards {
            shards.siblings.truncate(MAX_SIBLINGS);
            shards.blocked_by.truncate(MAX_SIBLINGS);
            shards.versions.clear();
        }
    }
    let mut budget = Budget {
        fields: MAX_FIELDS,
        bytes: most.saturating_sub(bytes(table) + AROUND),
    };
    let (columns, is_cut) = grow(columns.iter().map(alone).collect(), &mut budget);
    table.columns = columns;
    table.cut |= is_cut;
    bytes(table)
}

/// Cuts all tables to the limits of a document. If they are too large together, the largest are cut
/// to the same size.
pub fn fit_all(tables: &mut [Table]) {
    let fit = |table: &mut Table| fit_to(table, MAX_TABLE_BYTES) + 1;
    let mut sizes: Vec<usize> = tables.iter_mut().map(fit).collect();
    if sizes.iter().sum::<usize>() <= MAX_TABLES_BYTES {
        return;
    }
    sizes.sort_unstable();
    let (mut left, mut most) = (MAX_TABLES_BYTES, 0);
    for (at, size) in sizes.iter().enumerate() {
        most = left / (sizes.len() - at);
        if *size > most {
            break;
        }
        left -= size;
    }
    for table in tables {
        fit_to(table, most.saturating_sub(1));
    }
}

/// The problems that name the tables that are cut.
pub fn problems(tables: &[Table]) -> Vec<Problem> {
    let mut cut = tables.iter().filter(|table| table.cut);
    let named = cut.by_ref().take(MAX_CUT_NAMED).map(|table| {
        let detail = format!(
            "it has more fields than a document holds ({MAX_FIELDS} or {} MB for one table, {} MB \
             for all): the deepest ones are omitted, and their parents are marked `cut`",
            MAX_TABLE_BYTES >> 20,
            MAX_TABLES_BYTES >> 20
        );
        Problem {
            subject: table.name.clone(),
            dataset: (!table.parts.is_unknown()).then(|| table.dataset().to_owned()),
            detail,
        }
    });
    let mut problems: Vec<Problem> = named.collect();
    let more = cut.count();
    if more > 0 {
        let detail = format!(
            "{} with more fields than a document holds",
            counted(more, "more table")
        );
        problems.push(Problem::general("tables", detail));
    }
    problems
}

/// Cuts a ledger to its limits.
pub fn fit_ledger(ledger: &mut Ledger) {
    for dropped in &mut ledger.dropped {
        dropped.text = cut(&dropped.text, MAX_NOTE);
        dropped.reason = cut(&dropped.reason, MAX_NOTE);
    }
    for problem in &mut ledger.problems {
        problem.detail = cut(&problem.detail, MAX_NOTE);
    }
    let more = ledger.dropped.len().saturating_sub(MAX_NOTES);
    ledger.dropped.truncate(MAX_NOTES);
    if more > 0 {
        let detail = format!("not listed: {}", counted(more, "more dropped text"));
        ledger.problems.insert(0, Problem::general("llm", detail));
    }
    let more = ledger.problems.len().saturating_sub(MAX_NOTES);
    ledger.problems.truncate(MAX_NOTES);
    if more > 0 {
        let detail = format!("not listed: {}", counted(more, "more problem"));
        ledger.problems.push(Problem::general("problems", detail));
    }
}

fn count(columns: &[Column]) -> usize {
    let mut count = 0;
    let mut left: Vec<&[Column]> = vec![columns];
    while let Some(columns) = left.pop() {
        count += columns.len();
        left.extend(columns.iter().map(|column| column.fields.as_slice()));
    }
    count
}

/// The size of a value's JSON, counted without storing it.
pub fn bytes(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value)
        .expect("these types serialize to JSON, and counting can't fail");
    count.0
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;
    use crate::document::TableKind;

    /// A type with `fan_out` fields, each of which is of that type again, without end.
    struct Endless<'c> {
        fan_out: usize,
        name: &'c str,
        made: &'c Cell<usize>,
    }

    impl Fields for Endless<'_> {
        fn exist(&self) -> bool {
            self.fan_out > 0
        }

        fn read(&self) -> Option<Vec<(Column, Self)>> {
            let one = |_| {
                self.made.set(self.made.get() + 1);
                let below = Endless { ..*self };
                (Column::leaf(self.name, "text"), below)
            };
            Some((0..self.fan_out).map(one).collect())
        }
    }

    fn all(columns: &[Column]) -> Vec<&Column> {
        let mut all = Vec::new();
        let mut left: Vec<&Column> = columns.iter().collect();
        while let Some(column) = left.pop() {
            left.extend(&column.fields);
            all.push(column);
        }
        all
    }

    proptest! {
        #[test]
        fn an_endless_tree_is_expanded_only_within_its_budget(
            fan_out in 0_usize..60, columns in 0_usize..60,
            fields in 0_usize..2_000, bytes in 0_usize..200_000, name in "\\PC{0,12}",
        ) {
            let made = Cell::new(0);
            let endless = || Endless { fan_out, name: &name, made: &made };
            let roots = (0..columns).map(|_| (Column::leaf(name.as_str(), "text"), endless()));
            let mut budget = Budget { fields, bytes };

            let (grown, is_cut) = grow(roots.collect(), &mut budget);

            let all = all(&grown);
            prop_assert!(all.len() <= fields && super::bytes(&grown) <= bytes + 2);
            prop_assert!(made.get() <= fields + fan_out, "{} were made", made.get());
            prop_assert_eq!(budget.fields, fields - all.len());
            // A column without fields is marked as cut; a struct has all of its fields or none.
            for column in all {
                prop_assert!(column.fields.is_empty() || column.fields.len() == fan_out);
                prop_assert_eq!(column.cut, fan_out > 0 && column.fields.is_empty());
            }
            prop_assert_eq!(is_cut, grown.len() < columns || (fan_out > 0 && columns > 0));
        }

        #[test]
        fn a_tree_that_fits_is_unchanged(columns in 0_usize..20, fields in 0_usize..20) {
            let column = |n| Column {
                fields: (0..fields).map(|n| Column::leaf(format!("f{n}"), "text")).collect(),
                ..Column::leaf(format!("c{n}"), "text")
            };
            let mut table = Table::new(["p", "d", "t"], TableKind::Table);
            table.columns = (0..columns).map(column).collect();
            let before = table.clone();
            fit_to(&mut table, bytes(&before));
            prop_assert_eq!(&table, &before);
            let (grown, is_cut) =
                grow(before.columns.iter().map(alone).collect(), &mut Budget::TABLE.clone());
            prop_assert_eq!(grown, before.columns);
            prop_assert!(!is_cut);
        }
    }

    #[test]
    fn if_all_tables_are_too_large_the_largest_are_cut() {
        let of = |name: &str, columns: usize| {
            let mut table = Table::new(["p", "d", name], TableKind::Table);
            let column = |n| Column {
                description: Some("x".repeat(1_000)),
                ..Column::leaf(format!("c{n}"), "text")
            };
            table.columns = (0..columns).map(column).collect();
            table
        };
        let mut tables = vec![of("small", 3)];
        tables.extend((0..40).map(|n| of(&format!("large{n}"), 3_000)));
        fit_all(&mut tables);
        let size: usize = tables.iter().map(bytes).sum();
        assert!(
            size <= MAX_TABLES_BYTES && size > MAX_TABLES_BYTES / 10 * 9,
            "{size}"
        );
        assert!(!tables[0].cut && tables[0].columns.len() == 3);
        assert!(tables[1..].iter().all(|table| table.cut));
        assert_eq!(problems(&tables).len(), MAX_CUT_NAMED + 1);
    }
}
