//! Escapes untrusted names and texts for the place where they are written.
//!
//! The functions are `#[inline]`, because `cache-read` calls them for every column that it renders.

use std::fmt::Write as _;

use crate::dialect::Dialect;
use crate::name::TableName;

/// The text on one line, without invisible characters. Whatever could end a line, a comment or a fence
/// becomes a space or an apostrophe; runs of spaces become one.
#[inline]
pub fn plain(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        let space = line.is_empty() || line.ends_with(' ');
        match character {
            '`' => line.push('\''),
            '/' if line.ends_with('*') => line.push_str(" /"),
            '*' if line.ends_with('/') => line.push_str(" *"),
            blank if blank.is_whitespace() || is_invisible(blank) => {
                if !space {
                    line.push(' ');
                }
            }
            seen => line.push(seen),
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// SQL in lines, each without invisible characters and without what ends a fence. Quotes stay, because they have a
/// meaning.
pub fn sql_lines(sql: &str) -> Vec<String> {
    let lines = sql.split(['\n', '\r', '\u{2028}', '\u{2029}']);
    let seen = |it: char| match it {
        blank if blank.is_whitespace() || is_invisible(blank) => ' ',
        seen => seen,
    };
    let lines = lines.map(|line| line.chars().map(seen).collect::<String>());
    let lines = lines.map(|line| line.trim_end().replace("```", "'''"));
    lines.filter(|line| !line.is_empty()).collect()
}

/// A string literal of the dialect with exactly this text, on one line.
#[inline]
pub fn literal(text: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Bigquery => format!("\"{}\"", escaped(text, '"')),
        // Postgres texts contain no NUL.
        Dialect::Postgres => {
            let escaped = escaped(&text.replace('\0', ""), '\'');
            let prefix = if escaped.contains('\\') { "E" } else { "" };
            format!("{prefix}'{escaped}'")
        }
    }
}

/// An identifier of the dialect, quoted if it must be.
#[inline]
pub fn identifier(name: &str, dialect: Dialect) -> String {
    if is_bare(name, dialect) {
        name.to_owned()
    } else {
        quoted(name, dialect)
    }
}

/// The full name of a table in a query: `` `project.dataset.table` ``, or `schema.table` on Postgres,
/// where a query can't access another database.
#[inline]
pub fn table_name(name: &TableName, dialect: Dialect) -> String {
    match dialect {
        Dialect::Bigquery => quoted(&format!("{}.{}", name.dataset_id(), name.table), dialect),
        Dialect::Postgres => format!(
            "{}.{}",
            identifier(&name.dataset, dialect),
            identifier(&name.table, dialect)
        ),
    }
}

/// Invisible characters are escaped, so that the name stays the same to the warehouse and hides no
/// text.
#[inline]
fn quoted(name: &str, dialect: Dialect) -> String {
    let mut quoted = String::with_capacity(name.len() + 4);
    let quote = match dialect {
        Dialect::Bigquery => '`',
        Dialect::Postgres => '"',
    };
    let escapes = dialect == Dialect::Bigquery || name.chars().any(is_invisible);
    if escapes && dialect == Dialect::Postgres {
        quoted.push_str("U&");
    }
    quoted.push(quote);
    for character in name.chars() {
        let code = u32::from(character);
        let _ = match (character, dialect) {
            ('"', Dialect::Postgres) => quoted.write_str("\"\""),
            ('`', Dialect::Bigquery) => quoted.write_str("\\x60"),
            ('\\', _) if escapes => quoted.write_str("\\\\"),
            (hidden, Dialect::Postgres) if is_invisible(hidden) && code > 0xffff => {
                write!(quoted, "\\+{code:06x}")
            }
            (hidden, Dialect::Postgres) if is_invisible(hidden) => write!(quoted, "\\{code:04x}"),
            (hidden, Dialect::Bigquery) if is_invisible(hidden) && code > 0xffff => {
                write!(quoted, "\\U{code:08x}")
            }
            (hidden, Dialect::Bigquery) if is_invisible(hidden) => write!(quoted, "\\u{code:04x}"),
            (seen, _) => quoted.write_char(seen),
        };
    }
    quoted.push(quote);
    quoted
}

#[inline]
fn escaped(text: &str, quote: char) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut before = '\0';
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\'' if quote == '\'' => escaped.push_str("''"),
            '"' | '`' if quote == '"' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '/' if before == '*' => escaped.push_str("\\x2f"),
            hidden if is_invisible(hidden) => {
                let code = u32::from(hidden);
                let _ = if code > 0xffff {
                    write!(escaped, "\\U{code:08x}")
                } else {
                    write!(escaped, "\\u{code:04x}")
                };
            }
            seen => escaped.push(seen),
        }
        before = character;
    }
    escaped
}

/// Whether a character is a control character, a line end, a mark that changes the direction of text,
/// or a character without any glyph, which can hide text that only a model reads.
#[inline]
pub fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[inline]
fn is_bare(name: &str, dialect: Dialect) -> bool {
    let letter = |character: u8| match dialect {
        Dialect::Bigquery => character.is_ascii_alphabetic() || character == b'_',
        // Anything else would be folded to lower case.
        Dialect::Postgres => character.is_ascii_lowercase() || character == b'_',
    };
    let mut characters = name.bytes();
    characters.next().is_some_and(letter)
        && characters.all(|character| letter(character) || character.is_ascii_digit())
        && !reserved(dialect).contains(&name.to_ascii_lowercase().as_str())
}

fn reserved(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Bigquery => &BIGQUERY_RESERVED,
        Dialect::Postgres => &POSTGRES_RESERVED,
    }
}

#[rustfmt::skip]
const BIGQUERY_RESERVED: [&str; 96] = [
    "all", "and", "any", "array", "as", "asc", "assert_rows_modified", "at", "between", "by", "case",
    "cast", "collate", "contains", "create", "cross", "cube", "current", "default", "define", "desc",
    "distinct", "else", "end", "enum", "escape", "except", "exclude", "exists", "extract", "false",
    "fetch", "following", "for", "from", "full", "group", "grouping", "groups", "hash", "having",
    "if", "ignore", "in", "inner", "intersect", "interval", "into", "is", "join", "lateral", "left",
    "like", "limit", "lookup", "merge", "natural", "new", "no", "not", "null", "nulls", "of", "on",
    "or", "order", "outer", "over", "partition", "preceding", "proto", "qualify", "range",
    "recursive", "respect", "right", "rollup", "rows", "select", "set", "some", "struct",
    "tablesample", "then", "to", "treat", "true", "unbounded", "union", "unnest", "using", "when",
    "where", "window", "with", "within",
];

#[rustfmt::skip]
const POSTGRES_RESERVED: [&str; 101] = [
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization",
    "binary", "both", "case", "cast", "check", "collate", "collation", "column", "concurrently",
    "constraint", "create", "cross", "current_catalog", "current_date", "current_role",
    "current_schema", "current_time", "current_timestamp", "current_user", "default", "deferrable",
    "desc", "distinct", "do", "else", "end", "except", "false", "fetch", "for", "foreign", "freeze",
    "from", "full", "grant", "group", "having", "ilike", "in", "initially", "inner", "intersect",
    "into", "is", "isnull", "join", "lateral", "leading", "left", "like", "limit", "localtime",
    "localtimestamp", "natural", "not", "notnull", "null", "offset", "on", "only", "or", "order",
    "outer", "overlaps", "placing", "primary", "references", "returning", "right", "select",
    "session_user", "similar", "some", "symmetric", "system_user", "table", "tablesample", "then",
    "to", "trailing", "true", "union", "unique", "user", "using", "variadic", "verbose", "when",
    "where", "window", "with",
];
