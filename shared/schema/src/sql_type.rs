//! BigQuery types as text: `ARRAY<STRUCT<key STRING, value STRUCT<int_value INT64>>>`.
//!
//! `INFORMATION_SCHEMA` returns the whole tree of a column as one such text.

use std::fmt::Write as _;

use crate::document::{Column, Mode};

/// BigQuery nests at most 15 levels, so anything deeper than this is an attack.
const MAX_DEPTH: usize = 64;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("type {text:?} at byte {at}: expected {expected}")]
pub struct TypeError {
    text: String,
    at: usize,
    expected: &'static str,
}

/// Parses a type into a column tree.
pub fn parse_column(name: &str, text: &str) -> Result<Column, TypeError> {
    let mut parser = Parser { text, at: 0 };
    let mut column = parser.data_type(0)?;
    if !parser.rest().is_empty() {
        return Err(parser.error("the end"));
    }
    column.name = name.to_owned();
    Ok(column)
}

impl Column {
    /// The whole type as text, `ARRAY<..>` if the column is repeated.
    pub fn sql_type(&self) -> String {
        let mut text = String::new();
        self.write_type(&mut text);
        text
    }

    fn write_type(&self, text: &mut String) {
        if self.mode == Mode::Repeated {
            text.push_str("ARRAY<");
        }
        if self.fields.is_empty() {
            text.push_str(&self.data_type);
        } else {
            text.push_str("STRUCT<");
            for (position, field) in self.fields.iter().enumerate() {
                if position > 0 {
                    text.push_str(", ");
                }
                let _ = write!(text, "{} ", field.name);
                field.write_type(text);
            }
            text.push('>');
        }
        if self.mode == Mode::Repeated {
            text.push('>');
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn data_type(&mut self, depth: usize) -> Result<Column, TypeError> {
        if depth > MAX_DEPTH {
            return Err(self.error("at most 64 levels"));
        }
        let word = self.word()?;
        match word.to_ascii_uppercase().as_str() {
            "ARRAY" => {
                self.token("<", "`<`")?;
                let mut element = self.data_type(depth + 1)?;
                if element.mode == Mode::Repeated {
                    return Err(self.error("an element that is no array"));
                }
                self.token(">", "`>`")?;
                element.mode = Mode::Repeated;
                Ok(element)
            }
            "STRUCT" => self.structure(depth),
            "RANGE" => {
                self.token("<", "`<`")?;
                let element = self.word()?.to_owned();
                self.token(">", "`>`")?;
                Ok(Column::leaf("", format!("RANGE<{element}>")))
            }
            _ => {
                let mut data_type = word.to_owned();
                if self.take("(") {
                    let inside = self.rest().find(')').ok_or_else(|| self.error("`)`"))?;
                    let parameters: Vec<_> =
                        self.rest()[..inside].split(',').map(str::trim).collect();
                    let _ = write!(data_type, "({})", parameters.join(", "));
                    self.at += inside + 1;
                }
                let collation = self.collation()?;
                Ok(Column {
                    collation,
                    ..Column::leaf("", data_type)
                })
            }
        }
    }

    /// `COLLATE 'und:ci'`, which is not part of the type.
    fn collation(&mut self) -> Result<Option<String>, TypeError> {
        if !self.take("COLLATE ") {
            return Ok(None);
        }
        self.skip_space();
        let quote = self.rest().chars().next().filter(|it| "'\"".contains(*it));
        let inside = quote.and_then(|quote| {
            let (text, _) = self.rest()[1..].split_once(quote)?;
            Some(text.to_owned())
        });
        let collation = inside.ok_or_else(|| self.error("a quoted collation"))?;
        self.at += collation.len() + 2;
        Ok(Some(collation))
    }

    fn structure(&mut self, depth: usize) -> Result<Column, TypeError> {
        let mut column = Column::leaf("", "STRUCT");
        self.token("<", "`<`")?;
        loop {
            let name = self.field_name()?;
            let mut field = self.data_type(depth + 1)?;
            field.name = name;
            if self.take("NOT NULL") && field.mode == Mode::Nullable {
                field.mode = Mode::Required;
            }
            column.fields.push(field);
            if !self.take(",") {
                break;
            }
        }
        self.token(">", "`,` or `>`")?;
        Ok(column)
    }

    fn field_name(&mut self) -> Result<String, TypeError> {
        if self.take("`") {
            let end = self
                .rest()
                .find('`')
                .ok_or_else(|| self.error("a closing backtick"))?;
            let name = self.rest()[..end].to_owned();
            self.at += end + 1;
            return Ok(name);
        }
        let name = self.word()?.to_owned();
        if !self.rest().starts_with([' ', '\t', '\n']) {
            return Err(self.error("a field's name and its type"));
        }
        Ok(name)
    }

    fn word(&mut self) -> Result<&'a str, TypeError> {
        self.skip_space();
        let rest = self.rest();
        let end = rest
            .find(|c: char| c.is_whitespace() || "<>(),`".contains(c))
            .unwrap_or(rest.len());
        if end == 0 {
            return Err(self.error("a name"));
        }
        self.at += end;
        Ok(&rest[..end])
    }

    fn token(&mut self, token: &str, expected: &'static str) -> Result<(), TypeError> {
        if self.take(token) {
            Ok(())
        } else {
            Err(self.error(expected))
        }
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, expected: &'static str) -> TypeError {
        TypeError {
            text: self.text.chars().take(200).collect(),
            at: self.at,
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_written_as_it_was_parsed() {
        for text in [
            "STRING",
            "NUMERIC(10, 2)",
            "ARRAY<INT64>",
            "RANGE<DATE>",
            "STRUCT<a INT64, b ARRAY<STRUCT<c STRING(10), d RANGE<TIMESTAMP>>>>",
            "ARRAY<STRUCT<key STRING, value STRUCT<string_value STRING, int_value INT64>>>",
            "STRUCT<이름 STRING, array INT64>",
        ] {
            assert_eq!(parse_column("c", text).unwrap().sql_type(), text);
        }
    }

    #[test]
    fn a_required_field_and_a_quoted_name_are_parsed() {
        let column = parse_column("c", "STRUCT<`end` INT64 NOT NULL>").unwrap();
        assert_eq!(
            (column.fields[0].name.as_str(), column.fields[0].mode),
            ("end", Mode::Required)
        );
    }

    #[test]
    fn a_collation_is_parsed_as_a_property_of_the_column() {
        let column = parse_column("c", "STRING(10) COLLATE 'und:ci'").unwrap();
        assert_eq!(column.data_type, "STRING(10)");
        assert_eq!(column.collation.as_deref(), Some("und:ci"));
        let nested = "ARRAY<STRUCT<a STRING COLLATE \"und:ci\", b INT64>>";
        let column = parse_column("c", nested).unwrap();
        assert_eq!(column.fields[0].collation.as_deref(), Some("und:ci"));
        assert_eq!(column.sql_type(), "ARRAY<STRUCT<a STRING, b INT64>>");
    }

    #[test]
    fn an_invalid_type_is_an_error() {
        for text in [
            "",
            "ARRAY",
            "ARRAY<",
            "STRUCT<>",
            "STRUCT<INT64>",
            "INT64>",
            "NUMERIC(10",
            "ARRAY<ARRAY<INT64>>",
            "STRUCT<`a INT64>",
            "STRING COLLATE und:ci",
            "STRING COLLATE 'und:ci",
        ] {
            parse_column("c", text).unwrap_err();
        }
        let deep = "STRUCT<a ".repeat(10_000) + "INT64" + &">".repeat(10_000);
        assert!(
            parse_column("c", &deep)
                .unwrap_err()
                .to_string()
                .contains("at most 64 levels")
        );
    }
}
