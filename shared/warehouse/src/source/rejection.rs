//! The rejection of a query by a warehouse.

use std::fmt;

/// Why a warehouse rejects a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The message of the warehouse, which may name anything that its role may see.
    pub message: String,
    /// The kind of the error and its place in the query, without any name.
    pub outline: String,
    /// Whether planning ran out of time. The warehouse may plan the same query when it is less busy.
    pub is_timeout: bool,
}

impl Rejection {
    /// A rejection whose message names nothing.
    pub fn without_names(message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            outline: message.clone(),
            message,
            is_timeout: false,
        }
    }

    /// The rejection of a query whose planning ran out of time. The message names nothing.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self {
            is_timeout: true,
            ..Self::without_names(message)
        }
    }

    /// The message of a warehouse. `kind` is what is known about the error without its message.
    pub fn new(message: impl Into<String>, kind: Option<&str>, place: Option<Place>) -> Self {
        let mut outline = "the warehouse rejects the query".to_owned();
        if let Some(kind) = kind {
            outline += &format!(": {kind}");
        }
        if let Some(Place { line, column }) = place {
            outline += &format!(" at line {line}, column {column}");
        }
        Self {
            message: message.into(),
            outline,
            is_timeout: false,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A place in a query, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    /// The place of the character at a position of the query, from 1.
    pub(super) fn of(sql: &str, position: u32) -> Self {
        let before = sql.chars().take((position as usize).saturating_sub(1));
        let mut place = Self { line: 1, column: 1 };
        for character in before {
            if character == '\n' {
                place.line += 1;
                place.column = 1;
            } else {
                place.column += 1;
            }
        }
        place
    }

    /// The place at the end of a message of BigQuery: `.. at [1:8]`.
    pub(super) fn at_end(message: &str) -> Option<Self> {
        let (_, place) = message.trim_end().strip_suffix(']')?.rsplit_once(" at [")?;
        let (line, column) = place.split_once(':')?;
        Some(Self {
            line: line.parse().ok()?,
            column: column.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_has_the_kind_and_the_place_and_no_name() {
        let message = "Unrecognized name: salary at [2:14]";
        let rejection = Rejection::new(message, None, Place::at_end(message));
        assert_eq!(rejection.to_string(), message);
        assert_eq!(
            rejection.outline,
            "the warehouse rejects the query at line 2, column 14"
        );
        let kind = Some("a column does not exist");
        let rejection = Rejection::new("m", kind, Some(Place::of("ä\nb c", 5)));
        assert_eq!(
            rejection.outline,
            "the warehouse rejects the query: a column does not exist at line 2, column 3"
        );
        assert_eq!(Place::at_end("Syntax error: Unexpected ]"), None);
    }
}
