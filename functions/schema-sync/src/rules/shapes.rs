//! The query of each shape, if a table has the columns for it.

use schema::Dialect;
use schema::document::{Column, Mode, Table};
use schema::render::identifier;

use super::candidate::{Candidate, Shape};
use super::columns::{
    Reachable, dimension, event_time, is_text, label, measure, person, reachable, words,
};
use super::period::{Period, day_of, recent};

/// The candidates of a table: one per shape, and one for each of two arrays.
pub(super) fn candidates(
    index: usize,
    table: &Table,
    all: &[&Table],
    dialect: Dialect,
) -> Vec<Candidate> {
    let Some(period) = Period::of(table, "t", all, dialect) else {
        return Vec::new();
    };
    let subject = Subject {
        index,
        name: table_words(table),
        period,
        columns: reachable(&table.columns),
        dialect,
    };
    let mut found = Vec::new();
    found.extend(subject.group());
    found.extend(join(&subject, table, all));
    found.extend(subject.days());
    found.extend(unnests(&subject, table));
    found.extend(subject.top());
    found.extend(subject.distinct());
    found.push(subject.count());
    found
}

struct Subject<'t> {
    index: usize,
    name: String,
    period: Period,
    columns: Vec<Reachable<'t>>,
    dialect: Dialect,
}

impl Subject<'_> {
    fn candidate(&self, shape: Shape, question: String, sql: String) -> Candidate {
        Candidate {
            shape,
            question,
            sql,
            tables: vec![self.index],
        }
    }

    /// `from` and `where`, each on a line of its own.
    fn source(&self, joined: &str, further: Option<&str>) -> String {
        let conditions: Vec<&str> = self
            .period
            .condition
            .as_deref()
            .into_iter()
            .chain(further)
            .collect();
        let mut source = format!("from {} as t{joined}", self.period.from);
        if !conditions.is_empty() {
            source = format!("{source}\nwhere {}", conditions.join(" and "));
        }
        source
    }

    fn count(&self) -> Candidate {
        self.candidate(
            Shape::Count,
            format!(
                "How many rows are there in {}{}?",
                self.name, self.period.phrase
            ),
            format!("select count(*) as row_count\n{}", self.source("", None)),
        )
    }

    fn group(&self) -> Option<Candidate> {
        let dimension = dimension(&self.columns)?;
        let expression = dimension.expression("t", self.dialect);
        Some(self.candidate(
            Shape::Group,
            format!(
                "How many rows of {} are there for each {}{}?",
                self.name,
                dimension.words(),
                self.period.phrase
            ),
            format!(
                "select {expression}, count(*) as row_count\n{}\ngroup by {expression}\norder by \
                 row_count desc",
                self.source("", None)
            ),
        ))
    }

    fn days(&self) -> Option<Candidate> {
        let (day, condition, period) = if self.period.is_by_suffix {
            (
                "t._TABLE_SUFFIX".to_owned(),
                None,
                self.period.phrase.clone(),
            )
        } else {
            let event_time = event_time(&self.columns)?;
            let day = day_of(event_time, "t", self.dialect);
            match &self.period.condition {
                Some(_) => (day, None, self.period.phrase.clone()),
                None => {
                    let (condition, period) = recent(event_time, "t", self.dialect);
                    (day, Some(condition), period)
                }
            }
        };
        let source = self.source("", condition.as_deref());
        Some(self.candidate(
            Shape::Days,
            format!(
                "How many rows of {} are there for each day{period}?",
                self.name
            ),
            format!("select {day} as day, count(*) as row_count\n{source}\ngroup by 1\norder by 1"),
        ))
    }

    fn top(&self) -> Option<Candidate> {
        let measure = measure(&self.columns)?;
        let named = [
            label(&self.columns),
            dimension(&self.columns),
            person(&self.columns),
        ];
        let by = named.into_iter().flatten().next()?;
        let expression = by.expression("t", self.dialect);
        let sum = measure.expression("t", self.dialect);
        // BigQuery sorts nulls last here by default.
        let nulls = match self.dialect {
            Dialect::Bigquery => "",
            Dialect::Postgres => " nulls last",
        };
        Some(self.candidate(
            Shape::Top,
            format!(
                "Which 10 values of {} have the highest sum of {} in {}{}?",
                by.words(),
                measure.words(),
                self.name,
                self.period.phrase
            ),
            format!(
                "select {expression}, sum({sum}) as total_sum\n{}\ngroup by {expression}\norder by \
                 total_sum desc{nulls}\nlimit 10",
                self.source("", None)
            ),
        ))
    }

    fn distinct(&self) -> Option<Candidate> {
        let person = person(&self.columns)?;
        Some(self.candidate(
            Shape::Distinct,
            format!(
                "How many different values of {} are there in {}{}?",
                person.words(),
                self.name,
                self.period.phrase
            ),
            format!(
                "select count(distinct {}) as distinct_count\n{}",
                person.expression("t", self.dialect),
                self.source("", None)
            ),
        ))
    }
}

fn unnests(subject: &Subject, table: &Table) -> Vec<Candidate> {
    table
        .columns
        .iter()
        .filter(|column| column.mode == Mode::Repeated && column.policy_tags.is_empty())
        .filter_map(|column| unnest(subject, column))
        .take(2)
        .collect()
}

fn unnest(subject: &Subject, array: &Column) -> Option<Candidate> {
    let dialect = subject.dialect;
    let inside = reachable(&array.fields);
    let (expression, of) = if array.fields.is_empty() {
        ("element".to_owned(), String::new())
    } else {
        let field = label(&inside)
            .or_else(|| dimension(&inside))
            .or_else(|| inside.iter().find(|field| is_text(field.column)))?;
        let expression = field.expression("element", dialect);
        (expression, format!("{} in ", field.words()))
    };
    let joined = format!(
        "\ncross join unnest(t.{}) as element",
        identifier(&array.name, dialect)
    );
    Some(subject.candidate(
        Shape::Unnest,
        format!(
            "Which values of {of}{} are most frequent in {}{}?",
            words(&array.name),
            subject.name,
            subject.period.phrase
        ),
        format!(
            "select {expression}, count(*) as row_count\n{}\ngroup by 1\norder by row_count \
             desc\nlimit 20",
            subject.source(&joined, None)
        ),
    ))
}

/// A join along the first foreign key whose referenced table is known.
fn join(subject: &Subject, table: &Table, all: &[&Table]) -> Option<Candidate> {
    let dialect = subject.dialect;
    let (key, other_index, other) = table.foreign_keys.iter().find_map(|key| {
        let index = all.iter().position(|other| other.name == key.references)?;
        let other = all[index];
        let is_whole = !key.columns.is_empty() && key.columns.len() == key.referenced_columns.len();
        (is_whole && other.name != table.name).then_some((key, index, other))
    })?;
    let period = Period::of(other, "o", all, dialect)?;
    let columns = reachable(&other.columns);
    let by = dimension(&columns).or_else(|| label(&columns)).map_or_else(
        || format!("o.{}", identifier(&key.referenced_columns[0], dialect)),
        |by| by.expression("o", dialect),
    );
    let by_words = dimension(&columns)
        .or_else(|| label(&columns))
        .map_or_else(|| words(&key.referenced_columns[0]), Reachable::words);
    let on: Vec<String> = key
        .columns
        .iter()
        .zip(&key.referenced_columns)
        .map(|(from, to)| {
            format!(
                "t.{} = o.{}",
                identifier(from, dialect),
                identifier(to, dialect)
            )
        })
        .collect();
    let joined = format!("\njoin {} as o on {}", period.from, on.join(" and "));
    Some(Candidate {
        tables: vec![subject.index, other_index],
        ..subject.candidate(
            Shape::Join,
            format!(
                "How many rows of {} are there for each {by_words} of {}{}?",
                subject.name,
                table_words(other),
                subject.period.phrase
            ),
            format!(
                "select {by}, count(*) as row_count\n{}\ngroup by {by}\norder by row_count desc",
                subject.source(&joined, period.condition.as_deref())
            ),
        )
    })
}

/// The table's name as words, without its dataset.
fn table_words(table: &Table) -> String {
    words(table.own_name())
}
