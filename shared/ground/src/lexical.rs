//! Where literals, quoted names and comments begin and end. The parser and the warehouse disagree in
//! some cases, so that text for one would be code for the other. This module scans a query as the
//! warehouse does, and refuses it if the parser's tokens have other boundaries.

use std::borrow::Cow;
use std::ops::Range;

use schema::Dialect;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Whitespace};

use crate::fault::Fault;
use crate::fault::FaultKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SpanKind {
    Literal,
    Name,
    Comment,
}

/// A part of the text that is not code, in characters.
type Span = (SpanKind, Range<usize>);

/// The query with `r'..'` for `rb'..'` and `br'..'` of BigQuery, which the parser does not know. Every
/// character keeps its place.
pub(crate) fn with_known_prefixes(sql: &str, dialect: Dialect) -> Cow<'_, str> {
    if dialect != Dialect::Bigquery {
        return Cow::Borrowed(sql);
    }
    let mut text: Vec<char> = sql.chars().collect();
    let Ok(spans) = Lexer::new(&text, dialect).read() else {
        return Cow::Borrowed(sql);
    };
    let mut is_changed = false;
    for (_, span) in spans.iter().filter(|(kind, _)| *kind == SpanKind::Literal) {
        let start = span.start;
        let has_two = |text: &[char]| {
            let letters = text.get(start..start + 2);
            letters.is_some_and(|letters| letters.iter().all(char::is_ascii_alphabetic))
        };
        if has_two(&text) {
            text[start] = ' ';
            text[start + 1] = 'r';
            is_changed = true;
        }
    }
    match is_changed {
        true => Cow::Owned(text.into_iter().collect()),
        false => Cow::Borrowed(sql),
    }
}

/// Checks that the parser and the warehouse agree on literals, quoted names and comments.
pub(crate) fn check(
    sql: &str,
    tokens: &[TokenWithSpan],
    dialect: Dialect,
    comments: bool,
) -> Result<(), Fault> {
    let text: Vec<char> = sql.chars().collect();
    let spans = Lexer::new(&text, dialect).read()?;
    if !comments && spans.iter().any(|(kind, _)| *kind == SpanKind::Comment) {
        return Err(refused("a comment", "leave comments out"));
    }
    for pair in spans.windows(2) {
        let [(SpanKind::Literal, first), (SpanKind::Literal, second)] = pair else {
            continue;
        };
        let between = &text[first.end..second.start];
        if between.iter().all(|c| c.is_whitespace()) {
            // The dialects join some of them under the rules of the first.
            return Err(refused(
                "a literal right after a literal",
                "write one literal, with \\' or '' for a quote as the dialect has it",
            ));
        }
    }
    if spans != parser_spans(&text, tokens) {
        return Err(refused(
            "this way to quote",
            "write literals and names in plain quotes, without backslashes before quotes",
        ));
    }
    Ok(())
}

/// A part of a query, as the warehouse reads it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// An unquoted word, in lower case.
    Word(String),
    /// A quoted name without its quotes.
    Name(String),
    Literal,
    Number,
    /// An operator of Postgres, whose signs are one.
    Operator(String),
    Sign(char),
}

/// The parts of a query, without spaces and comments.
pub(crate) fn pieces(sql: &str, dialect: Dialect, comments: bool) -> Result<Vec<Piece>, Fault> {
    let text: Vec<char> = sql.chars().collect();
    let mut spans = Lexer::new(&text, dialect).read()?.into_iter().peekable();
    let lexer = Lexer::new(&text, dialect);
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(first) = text.get(at) {
        if let Some((kind, span)) = spans.next_if(|(_, span)| span.start == at) {
            at = span.end;
            match kind {
                SpanKind::Literal => pieces.push(Piece::Literal),
                SpanKind::Name => {
                    let name: String = text[span.start + 1..span.end - 1].iter().collect();
                    pieces.push(Piece::Name(name.replace("\"\"", "\"")));
                }
                SpanKind::Comment if !comments => {
                    return Err(refused("a comment", "leave comments out"));
                }
                SpanKind::Comment => {}
            }
            continue;
        }
        let end = spans.peek().map_or(text.len(), |(_, span)| span.start);
        let run = |is_part: &dyn Fn(char) -> bool| -> String {
            let rest = text[at..end].iter().copied();
            rest.take_while(|c| is_part(*c)).collect()
        };
        let word = run(&|c| lexer.is_word(c) || c == '$');
        let length = word.chars().count();
        let word = word.to_lowercase();
        if length > 0 && first.is_ascii_digit() {
            if !is_number(&word, text.get(at + length)) {
                return Err(refused(&word, "separate numbers from words by spaces"));
            }
            pieces.push(Piece::Number);
            at += length;
        } else if length > 0 {
            pieces.push(Piece::Word(word));
            at += length;
        } else if dialect == Dialect::Postgres && OPERATOR_SIGNS.contains(*first) {
            let operator = first_operator(&run(&|c| OPERATOR_SIGNS.contains(c))).to_owned();
            at += operator.len();
            pieces.push(Piece::Operator(operator));
        } else {
            if !first.is_whitespace() {
                pieces.push(Piece::Sign(*first));
            }
            at += 1;
        }
    }
    Ok(pieces)
}

/// The signs of operators in Postgres.
const OPERATOR_SIGNS: &str = "+-*/<>=~!@#%^&|`?";

/// The first operator of adjacent signs. It ends in a plus or minus only if it has a sign that no operator
/// of the standard has.
fn first_operator(signs: &str) -> &str {
    let may_end = |operator: &str| operator.contains(|c| "~!@#%^&|`?".contains(c));
    let mut operator = signs;
    while operator.len() > 1 && operator.ends_with(['+', '-']) && !may_end(operator) {
        operator = &operator[..operator.len() - 1];
    }
    operator
}

/// Whether a word that starts with a digit is a number in all versions of the warehouse; `next` follows it.
/// Some versions read `1else` as a number and a word.
fn is_number(word: &str, next: Option<&char>) -> bool {
    let is_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '_');
    match word.split_once(['e', 'x', 'o', 'b']) {
        None => is_digits(word),
        // `1e-5`, whose exponent follows.
        Some((digits, "")) => {
            is_digits(digits) && word.ends_with('e') && matches!(next, Some('+' | '-'))
        }
        Some((digits, power)) if word[digits.len()..].starts_with('e') => {
            is_digits(digits) && is_digits(power)
        }
        Some((zero, digits)) => {
            zero == "0" && digits.chars().all(|c| c.is_ascii_hexdigit() || c == '_')
        }
    }
}

fn refused(what: &str, instead: &str) -> Fault {
    let reason = format!("{what} is not supported: {instead}");
    Fault::new(FaultKind::Unsupported, what, reason)
}

/// The same spans by the parser's tokens.
fn parser_spans(text: &[char], tokens: &[TokenWithSpan]) -> Vec<Span> {
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
    let spans = tokens.iter().filter_map(|token| {
        let kind = match &token.token {
            Token::Word(word) if word.quote_style.is_some() => SpanKind::Name,
            Token::Whitespace(
                Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_),
            ) => SpanKind::Comment,
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
            | Token::UnicodeStringLiteral(_) => SpanKind::Literal,
            // `0xff` as well as `x'ff'`.
            Token::HexStringLiteral(_) if text.get(place(token.span.end) - 1) == Some(&'\'') => {
                SpanKind::Literal
            }
            _ => return None,
        };
        let (start, mut end) = (place(token.span.start), place(token.span.end));
        // BigQuery's parser includes one half of a CRLF line end in a comment.
        if kind == SpanKind::Comment && text.get(end.wrapping_sub(1)) == Some(&'\r') {
            end -= 1;
        }
        Some((kind, start..end))
    });
    spans.collect()
}

struct Lexer<'t> {
    text: &'t [char],
    dialect: Dialect,
    at: usize,
    spans: Vec<Span>,
}

impl<'t> Lexer<'t> {
    fn new(text: &'t [char], dialect: Dialect) -> Self {
        Self {
            text,
            dialect,
            at: 0,
            spans: Vec::new(),
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn push(&mut self, kind: SpanKind, start: usize) {
        self.spans.push((kind, start..self.at));
    }

    fn read(mut self) -> Result<Vec<Span>, Fault> {
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
                ('$', _) if !bigquery => self.dollars()?,
                ('$', _) => return Err(refused("$", "write a text in single quotes")),
                ('\\', _) => return Err(refused("\\", "leave it out")),
                (c, _) if self.is_word(c) => self.word()?,
                ('\t' | '\n' | '\r' | ' '..='~', _) => self.at += 1,
                (c, _) => {
                    let name = format!("the character U+{:04X}", u32::from(c));
                    return Err(refused(&name, "write it in quotes or leave it out"));
                }
            }
        }
        Ok(self.spans)
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
        // Postgres allows dollars in names, except at the beginning.
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
            // A backslash in it is no escape of a quote.
            (Dialect::Postgres, Some('&')) if word == "u" && self.peek(1) == Some('\'') => {
                self.at += 1;
                self.literal(start, "")
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
        self.push(SpanKind::Comment, start);
        Ok(())
    }

    fn block_comment(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                // Comments nest only in Postgres.
                (Some('/'), Some('*')) if depth == 0 || self.dialect == Dialect::Postgres => {
                    depth += 1;
                    self.at += 2;
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        self.push(SpanKind::Comment, start);
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
                    self.push(SpanKind::Name, start);
                    return Ok(());
                }
                // An escaped backtick must not end the name for only one of them.
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

    /// `$$text$$` or `$tag$text$tag$`.
    fn dollars(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += 1;
        while self.peek(0).is_some_and(|c| self.is_word(c)) {
            self.at += 1;
        }
        if self.peek(0) != Some('$') {
            return Err(refused("$", "write a text in single quotes"));
        }
        self.at += 1;
        let tag = &self.text[start..self.at];
        let rest = self.text[self.at..].windows(tag.len());
        let Some(length) = rest.clone().position(|window| window == tag) else {
            return Err(unended("literal"));
        };
        self.at += length + tag.len();
        self.push(SpanKind::Literal, start);
        Ok(())
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
                    self.push(SpanKind::Name, start);
                    return Ok(());
                }
            }
        }
        Err(unended("name"))
    }

    /// A literal whose prefix begins at `start` and ends here.
    fn literal(&mut self, start: usize, prefix: &str) -> Result<(), Fault> {
        let quote = self.peek(0);
        let bigquery = self.dialect == Dialect::Bigquery;
        let triple = bigquery && self.peek(1) == quote && self.peek(2) == quote;
        // In raw literals of BigQuery a backslash and the quote after it are kept.
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
                self.push(SpanKind::Literal, start);
                return Ok(());
            }
        }
        Err(unended("literal"))
    }
}

fn unended(what: &str) -> Fault {
    Fault::new(FaultKind::Syntax, what, format!("unterminated {what}"))
}
