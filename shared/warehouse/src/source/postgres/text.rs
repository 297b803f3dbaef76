//! Texts of the catalog, which may contain bytes that are no text.

use std::error::Error;

use platform::postgres::types::{FromSql, Type};

/// A text. A database with the encoding `SQL_ASCII` stores any bytes, so that one bad byte in a name or a
/// comment must not end the reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Text {
    Valid(String),
    /// Not UTF-8; the bad bytes are replaced.
    Bad(String),
}

impl Text {
    pub(super) fn valid(self) -> Option<String> {
        match self {
            Self::Valid(text) => Some(text),
            Self::Bad(_) => None,
        }
    }

    /// The text, with U+FFFD in place of bad bytes.
    pub(super) fn lossy(&self) -> &str {
        let (Self::Valid(text) | Self::Bad(text)) = self;
        text
    }

    pub(super) fn is_bad(&self) -> bool {
        matches!(self, Self::Bad(_))
    }
}

impl<'a> FromSql<'a> for Text {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(match std::str::from_utf8(raw) {
            Ok(text) => Self::Valid(text.to_owned()),
            Err(_) => Self::Bad(String::from_utf8_lossy(raw).into_owned()),
        })
    }

    fn accepts(of: &Type) -> bool {
        <&str as FromSql>::accepts(of)
    }
}

/// All texts, if all are valid.
pub(super) fn all_valid(texts: Vec<Text>) -> Option<Vec<String>> {
    texts.into_iter().map(Text::valid).collect()
}
