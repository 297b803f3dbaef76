//! The use of a column, as far as its name and type suggest it.

use schema::Dialect;
use schema::document::{Column, Mode};
use schema::render::identifier;

/// A column or a field of structs that can be read without `UNNEST`.
pub(super) struct Reachable<'t> {
    pub column: &'t Column,
    pub names: Vec<&'t str>,
}

const DIMENSIONS: [&str; 28] = [
    "status",
    "event_name",
    "state",
    "type",
    "category",
    "kind",
    "country",
    "segment",
    "platform",
    "channel",
    "department",
    "region",
    "medium",
    "source",
    "brand",
    "method",
    "language",
    "currency",
    "gender",
    "tier",
    "plan",
    "role",
    "class",
    "level",
    "continent",
    "browser",
    "action",
    "city",
];
/// Names of quantities that can be summed, unlike a price or a score.
const MEASURES: [&str; 16] = [
    "revenue", "amount", "total", "sales", "quantity", "cost", "spend", "profit", "duration",
    "distance", "fare", "fee", "salary", "weight", "value", "count",
];
/// Words in the path of a mean, or of a quantity that other rows count as well.
const NO_SUMS: [&str; 11] = [
    "ltv",
    "lifetime",
    "avg",
    "average",
    "mean",
    "median",
    "rate",
    "ratio",
    "percent",
    "cumulative",
    "running",
];
const PEOPLE: [&str; 14] = [
    "user_pseudo_id",
    "user_id",
    "customer_id",
    "visitor_id",
    "client_id",
    "member_id",
    "account_id",
    "person_id",
    "patient_id",
    "employee_id",
    "subscriber_id",
    "contact_id",
    "session_id",
    "device_id",
];
const DATES: [&str; 8] = [
    "date",
    "day",
    "created",
    "ordered",
    "placed",
    "timestamp",
    "time",
    "at",
];
const LABELS: [&str; 5] = ["key", "name", "title", "label", "code"];

impl Reachable<'_> {
    /// The path as an expression below an alias.
    pub fn expression(&self, alias: &str, dialect: Dialect) -> String {
        let names: Vec<String> = self
            .names
            .iter()
            .map(|name| identifier(name, dialect))
            .collect();
        match (dialect, names.as_slice()) {
            // `a.b.c` would be column `c` of a table `b`.
            (Dialect::Postgres, [first, rest @ ..]) if !rest.is_empty() => {
                format!("({alias}.{first}).{}", rest.join("."))
            }
            _ => format!("{alias}.{}", names.join(".")),
        }
    }

    pub fn words(&self) -> String {
        let words: Vec<String> = self.names.iter().map(|name| words(name)).collect();
        match words.as_slice() {
            [parent, field] if !field.starts_with(parent.as_str()) => format!("{parent} {field}"),
            _ => words.last().cloned().unwrap_or_default(),
        }
    }
}

/// The columns of a table and their fields, outer ones first, without protected ones.
pub(super) fn reachable(columns: &[Column]) -> Vec<Reachable<'_>> {
    let mut found: Vec<Reachable> = Vec::new();
    let mut level: Vec<Reachable> = columns
        .iter()
        .map(|column| Reachable {
            column,
            names: vec![&column.name],
        })
        .collect();
    while !level.is_empty() {
        let mut below = Vec::new();
        for reachable in level {
            let column = reachable.column;
            if column.mode == Mode::Repeated || !column.policy_tags.is_empty() {
                continue;
            }
            below.extend(column.fields.iter().map(|field| {
                let mut names = reachable.names.clone();
                names.push(&field.name);
                Reachable {
                    column: field,
                    names,
                }
            }));
            if column.fields.is_empty() {
                found.push(reachable);
            }
        }
        level = below;
    }
    found
}

/// A column to group by: a text that has few values, by its name.
pub(super) fn dimension<'r, 't>(columns: &'r [Reachable<'t>]) -> Option<&'r Reachable<'t>> {
    best(columns, &DIMENSIONS, |reachable| {
        is_text(reachable.column) || is_bool(reachable.column)
    })
}

/// A column to sum.
pub(super) fn measure<'r, 't>(columns: &'r [Reachable<'t>]) -> Option<&'r Reachable<'t>> {
    let adds_up = |reachable: &Reachable| {
        let path = reachable.names.join("_").to_lowercase();
        let name = reachable.column.name.to_lowercase();
        let ends = [
            "id",
            "timestamp",
            "date",
            "time",
            "year",
            "micros",
            "offset",
        ];
        is_number(reachable.column)
            && !path.split('_').any(|word| NO_SUMS.contains(&word))
            && !ends.iter().any(|end| name.ends_with(end))
    };
    best(columns, &MEASURES, adds_up)
}

/// An identifier of people to count.
pub(super) fn person<'r, 't>(columns: &'r [Reachable<'t>]) -> Option<&'r Reachable<'t>> {
    best(columns, &PEOPLE, |_| true)
}

/// The time of an event.
pub(super) fn event_time<'r, 't>(columns: &'r [Reachable<'t>]) -> Option<&'r Reachable<'t>> {
    let named = best(columns, &DATES, |reachable| is_time(reachable.column));
    named.or_else(|| columns.iter().find(|column| is_time(column.column)))
}

/// A text that names something.
pub(super) fn label<'r, 't>(columns: &'r [Reachable<'t>]) -> Option<&'r Reachable<'t>> {
    best(columns, &LABELS, |reachable| is_text(reachable.column))
}

/// The column whose name is, ends with or contains the earliest of these words; outer columns first.
fn best<'r, 't>(
    columns: &'r [Reachable<'t>],
    words: &[&str],
    fits: impl Fn(&Reachable) -> bool,
) -> Option<&'r Reachable<'t>> {
    columns
        .iter()
        .filter(|reachable| fits(reachable))
        .filter_map(|reachable| {
            let name = reachable.column.name.to_lowercase();
            let rank = words.iter().enumerate().find_map(|(rank, word)| {
                if name == *word {
                    Some(rank)
                } else if name.ends_with(&format!("_{word}")) {
                    Some(words.len() + rank)
                } else if name.starts_with(&format!("{word}_"))
                    || name.contains(&format!("_{word}_"))
                {
                    Some(2 * words.len() + rank)
                } else {
                    None
                }
            })?;
            Some((reachable.names.len(), rank, reachable))
        })
        .min_by_key(|(depth, rank, _)| (*depth, *rank))
        .map(|(_, _, reachable)| reachable)
}

pub(super) fn is_text(column: &Column) -> bool {
    starts_with_any(
        column,
        &["string", "text", "character", "varchar", "citext"],
    )
}

fn is_bool(column: &Column) -> bool {
    starts_with_any(column, &["bool"])
}

fn is_number(column: &Column) -> bool {
    let types = [
        "int",
        "float",
        "numeric",
        "bignumeric",
        "bigint",
        "smallint",
        "double",
        "real",
        "decimal",
    ];
    // `interval` starts with `int`.
    starts_with_any(column, &types) && !starts_with_any(column, &["interval"])
}

pub(super) fn is_time(column: &Column) -> bool {
    starts_with_any(column, &["date", "timestamp"]) && !starts_with_any(column, &["daterange"])
}

pub(super) fn starts_with_any(column: &Column, types: &[&str]) -> bool {
    let data_type = column.data_type.to_ascii_lowercase();
    column.mode != Mode::Repeated && types.iter().any(|start| data_type.starts_with(start))
}

/// A name as words: `user_pseudo_id` becomes `user pseudo id`.
pub(super) fn words(name: &str) -> String {
    let mut words = String::new();
    let mut after_lower = false;
    for character in schema::render::plain(name).chars() {
        if matches!(character, '_' | '-' | '*' | ' ') {
            if !words.is_empty() && !words.ends_with(' ') {
                words.push(' ');
            }
        } else {
            if after_lower && character.is_uppercase() {
                words.push(' ');
            }
            words.extend(character.to_lowercase());
        }
        after_lower = character.is_lowercase();
    }
    words.truncate(words.trim_end().len());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_as_words() {
        assert_eq!(words("user_pseudo_id"), "user pseudo id");
        assert_eq!(words("events_*"), "events");
        assert_eq!(words("createdAt"), "created at");
        assert_eq!(words("__x"), "x");
    }

    #[test]
    fn an_outer_column_is_preferred_to_a_nested_one_and_an_exact_name_to_a_similar_one() {
        let mut device = Column::leaf("device", "STRUCT");
        device.fields = vec![Column::leaf("category", "STRING")];
        let columns = [
            device,
            Column::leaf("payment_type", "STRING"),
            Column::leaf("country", "STRING"),
        ];
        let found = reachable(&columns);

        assert_eq!(
            dimension(&found).map(Reachable::words).as_deref(),
            Some("country")
        );
        assert_eq!(
            found.last().map(Reachable::words).as_deref(),
            Some("device category")
        );
    }
}
