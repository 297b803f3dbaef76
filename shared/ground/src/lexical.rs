//! Where literals, quoted names and comments begin and end. The parser reads some of them otherwise
//! than the warehouse does, so that what is text to one would be a query to the other: here a query
//! is read as the warehouse reads it, and refused where the parser's tokens lie elsewhere.

use std::ops::Range;

use schema::Dialect;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Whitespace};

use crate::fault::Fault;
use crate::fault::FaultKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    Literal,
    Name,
    Comment,
}

/// A piece that is no code; positions count characters.
type Piece = (Kept, Range<usize>);

/// What a warehouse takes of a query beyond words, signs and numbers, in the order of the text.
pub(crate) fn check(
    sql: &str,
    tokens: &[TokenWithSpan],
    dialect: Dialect,
    comments: bool,
) -> Result<(), Fault> {
    let text: Vec<char> = sql.chars().collect();
    let pieces = Lexer::new(&text, dialect).read()?;
    if !comments && pieces.iter().any(|(kept, _)| *kept == Kept::Comment) {
        return Err(refused("a comment", "leave comments out"));
    }
    for pair in pieces.windows(2) {
        let [(Kept::Literal, first), (Kept::Literal, second)] = pair else {
            continue;
        };
        let between = &text[first.end..second.start];
        if between.iter().all(|c| c.is_whitespace()) {
            // Some are joined to one, under the rules of the first.
            return Err(refused(
                "a literal right after a literal",
                "write one literal, with \\' or '' for a quote as the dialect has it",
            ));
        }
    }
    if pieces != parsed(&text, tokens) {
        return Err(refused(
            "this way to quote",
            "write literals and names in plain quotes, without backslashes before quotes",
        ));
    }
    Ok(())
}

fn refused(what: &str, instead: &str) -> Fault {
    let reason = format!("{what} is not supported: {instead}");
    Fault::new(FaultKind::Unsupported, what, reason)
}

/// The same pieces as the parser sees them.
fn parsed(text: &[char], tokens: &[TokenWithSpan]) -> Vec<Piece> {
    let mut lines = vec![0];
    for (at, _) in text.iter().enumerate().filter(|(_, c)| **c == '\n') {
        lines.push(at + 1);
    }
    let place = |location: Location| {
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let line = lines.get(number(location.line).wrapping_sub(1));
        line.copied()
            .unwrap_or(usize::MAX)
            .saturating_add(number(location.column).saturating_sub(1))
    };
    let pieces = tokens.iter().filter_map(|token| {
        let kept = match &token.token {
            Token::Word(word) if word.quote_style.is_some() => Kept::Name,
            Token::Whitespace(
                Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_),
            ) => Kept::Comment,
            Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::TripleSingleQuotedString(_)
            | Token::TripleDoubleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::SingleQuotedByteStringLiteral(_)
            | Token::DoubleQuotedByteStringLiteral(_)
            | Token::TripleSingleQuotedByteStringLiteral(_)
            | Token::TripleDoubleQuotedByteStringLiteral(_)
            | Token::SingleQuotedRawStringLiteral(_)
            | Token::DoubleQuotedRawStringLiteral(_)
            | Token::TripleSingleQuotedRawStringLiteral(_)
            | Token::TripleDoubleQuotedRawStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::QuoteDelimitedStringLiteral(_)
            | Token::NationalQuoteDelimitedStringLiteral(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_) => Kept::Literal,
            // `0xff` as well as `x'ff'`.
            Token::HexStringLiteral(_) if text.get(place(token.span.end) - 1) == Some(&'\'') => {
                Kept::Literal
            }
            _ => return None,
        };
        let (start, mut end) = (place(token.span.start), place(token.span.end));
        // Of the end of a line, BigQuery's parser takes one half into a comment.
        if kept == Kept::Comment && text.get(end.wrapping_sub(1)) == Some(&'\r') {
            end -= 1;
        }
        Some((kept, start..end))
    });
    pieces.collect()
}

struct Lexer<'t> {
    text: &'t [char],
    dialect: Dialect,
    at: usize,
    pieces: Vec<Piece>,
}

impl<'t> Lexer<'t> {
    fn new(text: &'t [char], dialect: Dialect) -> Self {
        Self {
            text,
            dialect,
            at: 0,
            pieces: Vec::new(),
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn keep(&mut self, kept: Kept, start: usize) {
        self.pieces.push((kept, start..self.at));
    }

    fn read(mut self) -> Result<Vec<Piece>, Fault> {
        let bigquery = self.dialect == Dialect::Bigquery;
        while let Some(c) = self.peek(0) {
            match (c, self.peek(1)) {
                ('-', Some('-')) => self.line_comment()?,
                ('#', _) if bigquery => self.line_comment()?,
                ('/', Some('*')) => self.block_comment()?,
                ('`', _) if bigquery => self.backticks()?,
                ('"', _) if !bigquery => self.name()?,
                ('\'', _) => self.literal(self.at, "")?,
                ('"', _) => self.literal(self.at, "")?,
                ('@', _) if bigquery => {
                    return Err(refused("a parameter", "write the value in its place"));
                }
                ('$', Some('0'..='9')) => {
                    return Err(refused("a parameter", "write the value in its place"));
                }
                ('$', _) => return Err(refused("$", "write a text in single quotes")),
                ('\\', _) => return Err(refused("\\", "leave it out")),
                (c, _) if self.is_word(c) => self.word()?,
                ('\t' | '\n' | '\r' | ' '..='~', _) => self.at += 1,
                (c, _) => {
                    let name = format!("the character U+{:04X}", u32::from(c));
                    return Err(refused(&name, "write it in a literal or leave it out"));
                }
            }
        }
        Ok(self.pieces)
    }

    fn is_word(&self, c: char) -> bool {
        match self.dialect {
            Dialect::Bigquery => c.is_ascii_alphanumeric() || c == '_',
            Dialect::Postgres => c.is_alphanumeric() || c == '_',
        }
    }

    /// A word, or the literal whose prefix it is.
    fn word(&mut self) -> Result<(), Fault> {
        let start = self.at;
        // Postgres has dollars in names, if not at their beginning.
        let dollars = self.dialect == Dialect::Postgres;
        while self
            .peek(0)
            .is_some_and(|c| self.is_word(c) || (dollars && c == '$'))
        {
            self.at += 1;
        }
        let word: String = self.text[start..self.at].iter().collect();
        let word = word.to_lowercase();
        match (self.dialect, self.peek(0)) {
            (Dialect::Postgres, Some('&')) if word == "u" && self.peek(1) == Some('\'') => {
                Err(refused("U&", "write the characters themselves"))
            }
            (Dialect::Postgres, Some('\'')) if ["e", "b", "x", "n"].contains(&word.as_str()) => {
                self.literal(start, &word)
            }
            (Dialect::Bigquery, Some('\'' | '"'))
                if ["r", "b", "rb", "br"].contains(&word.as_str()) =>
            {
                self.literal(start, &word)
            }
            _ => Ok(()),
        }
    }

    fn line_comment(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek(0).is_some_and(|c| c != '\n') {
            let ends_line = matches!(
                self.peek(0),
                Some('\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
            );
            if ends_line && (self.peek(0), self.peek(1)) == (Some('\r'), Some('\n')) {
                break;
            }
            if ends_line {
                return Err(refused("the end of a line in a comment", "use \\n"));
            }
            self.at += 1;
        }
        self.keep(Kept::Comment, start);
        Ok(())
    }

    fn block_comment(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                // Only in Postgres they nest.
                (Some('/'), Some('*')) if depth == 0 || self.dialect == Dialect::Postgres => {
                    depth += 1;
                    self.at += 2;
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        self.keep(Kept::Comment, start);
                        return Ok(());
                    }
                }
                (Some(_), _) => self.at += 1,
                (None, _) => return Err(unended("comment")),
            }
        }
    }

    fn backticks(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += 1;
        while let Some(c) = self.peek(0) {
            self.at += 1;
            match c {
                '`' => {
                    self.keep(Kept::Name, start);
                    return Ok(());
                }
                // What is escaped must not be the end to one and not to the other.
                '\\' if self.peek(0) == Some('`') => {
                    return Err(refused("a backslash in a name", "write the name as it is"));
                }
                '\\' if self.peek(0) == Some('\\') => self.at += 1,
                c if c.is_control() => {
                    return Err(refused("the end of a line in a name", "leave it out"));
                }
                _ => {}
            }
        }
        Err(unended("name"))
    }

    fn name(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += 1;
        while let Some(c) = self.peek(0) {
            self.at += 1;
            if c == '"' {
                if self.peek(0) == Some('"') {
                    self.at += 1;
                } else {
                    self.keep(Kept::Name, start);
                    return Ok(());
                }
            }
        }
        Err(unended("name"))
    }

    /// From its prefix, which begins at `start` and ends here.
    fn literal(&mut self, start: usize, prefix: &str) -> Result<(), Fault> {
        let quote = self.peek(0);
        let bigquery = self.dialect == Dialect::Bigquery;
        let triple = bigquery && self.peek(1) == quote && self.peek(2) == quote;
        // In BigQuery's raw literals a backslash stays, and so does the quote after it.
        let escapes = bigquery || prefix == "e";
        self.at += if triple { 3 } else { 1 };
        while let Some(c) = self.peek(0) {
            if c == '\\' && escapes {
                self.at += 2;
            } else if c == '\0' || (bigquery && !triple && matches!(c, '\n' | '\r')) {
                return Err(refused("the end of a line in a literal", "write \\n"));
            } else if Some(c) != quote
                || (triple && !(self.peek(1) == quote && self.peek(2) == quote))
            {
                self.at += 1;
            } else if !bigquery && self.peek(1) == quote {
                self.at += 2;
            } else {
                self.at += if triple { 3 } else { 1 };
                self.keep(Kept::Literal, start);
                return Ok(());
            }
        }
        Err(unended("literal"))
    }
}

fn unended(what: &str) -> Fault {
    Fault::new(FaultKind::Syntax, what, format!("a {what} has no end"))
}
