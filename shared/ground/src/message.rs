//! Messages of a warehouse about a query, for callers who may not see everything.
//!
//! A warehouse names whatever it meets: the types of columns, what a view reads, the wrapper of a foreign
//! table. No list has all of that, so that every word must be recognized: as a name of the schema, as a part
//! of the query, or as one that the messages of warehouses have.

use std::collections::HashSet;
use std::sync::LazyLock;

use schema::Dialect;
use schema::document::Column;
use schema::name::names_of;

use crate::lists;
use crate::tables::Schema;

static WORDS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| lists::words(include_str!("functions/messages.txt")));

/// Whether a warehouse's message about a query names only what is in the schema, or what the query says
/// itself. A name that is only guessed in the query is not confirmed.
pub fn names_only_known(message: &str, sql: &str, schema: &Schema) -> bool {
    let known = Known {
        schema,
        types: types(schema),
        sql: words(sql).map(str::to_lowercase).collect(),
    };
    tokens(message).all(|token| known.has(&token))
}

struct Known<'k, 'a> {
    schema: &'k Schema<'a>,
    /// The names of the types of columns, and of their schemas.
    types: HashSet<String>,
    /// The words of the query, in lower case.
    sql: HashSet<String>,
}

/// A part of a message.
struct Token {
    text: String,
    /// Whether it is in quotes: a name, or a value of the query.
    is_quoted: bool,
}

impl Known<'_, '_> {
    fn has(&self, token: &Token) -> bool {
        let is_path = |c: char| c == '.' || c == ':';
        let parts: Vec<&str> = token
            .text
            .split(is_path)
            .filter(|part| !part.is_empty())
            .collect();
        let Some((last, qualifiers)) = parts.split_last() else {
            return true;
        };
        if !qualifiers.is_empty() && !token.is_quoted_value() {
            return self.is_name(last)
                && qualifiers
                    .iter()
                    .all(|part| self.is_name(part) || self.is_in_query(part));
        }
        let is_spoken = |word: &str| {
            self.is_name(word)
                || (token.is_quoted || self.schema.dialect() == Dialect::Bigquery)
                    && self.is_in_query(word)
                || !token.is_quoted && is_of_messages(word, self.schema.dialect())
        };
        self.is_name(&token.text) || words(&token.text).all(is_spoken)
    }

    /// Whether something of the schema has the name.
    fn is_name(&self, name: &str) -> bool {
        let lower = name.to_lowercase();
        let names = self.schema.names();
        names.has_column(&lower)
            || !names.at_place(&lower).is_empty()
            || self.types.contains(&lower)
            || lower.bytes().all(|byte| byte.is_ascii_digit())
    }

    fn is_in_query(&self, word: &str) -> bool {
        words(word).all(|word| self.sql.contains(&word.to_lowercase()))
    }
}

impl Token {
    /// A quoted text with other signs than those of a path is a value.
    fn is_quoted_value(&self) -> bool {
        let is_path = |c: char| c.is_alphanumeric() || "_$-.:".contains(c);
        self.is_quoted && !self.text.chars().all(is_path)
    }
}

/// Whether a word is part of the messages themselves, or of the dialect.
fn is_of_messages(word: &str, dialect: Dialect) -> bool {
    let lower = word.to_lowercase();
    WORDS.contains(lower.as_str())
        || lists::is_function(&lower, dialect)
        || lists::is_type(&lower, dialect)
}

fn types(schema: &Schema) -> HashSet<String> {
    let mut types = HashSet::new();
    for table in schema.tables() {
        let mut left: Vec<&Column> = table.columns.iter().collect();
        while let Some(column) = left.pop() {
            for name in names_of(&column.data_type) {
                types.extend(words(&name).map(str::to_lowercase));
            }
            left.extend(&column.fields);
        }
    }
    let extensions = schema.extensions().0.unwrap_or_default().iter();
    types.extend(extensions.flat_map(|extension| {
        let names = extension.types.iter().chain(&extension.functions);
        let names = names.chain([&extension.schema, &extension.name]);
        names.map(|name| name.to_lowercase())
    }));
    types
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_part(c)).filter(|word| !word.is_empty())
}

/// The quoted texts of a message and the words between them, each with the names that dots and colons join to
/// it.
fn tokens(message: &str) -> impl Iterator<Item = Token> + '_ {
    let mut rest = message;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| !is_part(c) && !"\"'`".contains(c));
        let first = rest.chars().next()?;
        let quote = Some(first).filter(|first| !is_part(*first));
        if let Some(quote) = quote {
            let inside = &rest[1..];
            // An apostrophe begins no quotation.
            if let Some(end) = inside.find(quote) {
                let text = inside[..end].to_owned();
                rest = &inside[end + 1..];
                return Some(Token {
                    text,
                    is_quoted: true,
                });
            }
            rest = inside;
            return Some(Token {
                text: String::new(),
                is_quoted: false,
            });
        }
        let is_joined = |c: char| is_part(c) || ".:-".contains(c);
        let end = rest.find(|c| !is_joined(c)).unwrap_or(rest.len());
        let text = rest[..end].trim_end_matches(['.', ':', '-']).to_owned();
        rest = &rest[end..];
        Some(Token {
            text,
            is_quoted: false,
        })
    })
}
