//! Masks the literals, numbers and comments of a query one by one. Names and operators stay as they are, so that the
//! query stays valid and still names whatever it named.

use masking::{Known, Masker, Placeholders};
use schema::Dialect;
use schema::literals::{comment, literal, tokens};
use serde_json::{Map, Value};
use sqlparser::tokenizer::{Location, Token, Whitespace};
use std::sync::LazyLock;

static MASKER: LazyLock<Masker> = LazyLock::new(Masker::default);

/// What replaces a part of a secret that is written in several literals.
const SECRET: &str = "[SECRET]";
/// The least digits of a number that may be personal.
const DIGITS: usize = 6;
/// The most bytes before a literal that may label it.
const CONTEXT: usize = 1000;
/// Words between a name and its value, or between two values.
const BETWEEN: [&str; 14] = [
    "all", "any", "array", "as", "ilike", "in", "like", "not", "row", "similar", "to", "values",
    "then", "when",
];
/// Those that compare what is before them.
const COMPARING: [&str; 5] = ["ilike", "in", "like", "similar", "when"];
/// Types of texts, after `as`.
const TYPES: [&str; 13] = [
    "bpchar",
    "bytea",
    "bytes",
    "char",
    "character",
    "citext",
    "json",
    "jsonb",
    "name",
    "string",
    "text",
    "varchar",
    "varying",
];

/// A query with placeholders for the personal data and secrets in its literals, numbers and comments. None if it has no
/// tokens or can't be masked.
pub(super) fn masked(sql: &str, dialect: Dialect) -> Option<String> {
    let mut query = Query::of(sql, dialect)?;
    query.each_alone()?;
    Walk::default().all(&mut query)?;
    let masked = query.written(dialect);
    (names(&masked, dialect)? == names(sql, dialect)?).then_some(masked)
}

/// All tokens that masking must not change.
fn names(sql: &str, dialect: Dialect) -> Option<Vec<Token>> {
    let tokens = tokens(sql, dialect)?.into_iter().map(|it| it.token);
    let is_kept = |token: &Token| !matches!(token, Token::Whitespace(_)) && value(token).is_none();
    Some(tokens.filter(is_kept).collect())
}

/// A literal or a number.
fn value(token: &Token) -> Option<&str> {
    match token {
        Token::Number(digits, _) => Some(digits),
        token => literal(token),
    }
}

struct Part<'s> {
    token: Token,
    written: &'s str,
    /// What a literal, a long number or a comment says, as far as it is masked.
    text: Option<String>,
    is_masked: bool,
}

struct Query<'s> {
    parts: Vec<Part<'s>>,
    placeholders: Placeholders,
}

impl<'s> Query<'s> {
    fn of(sql: &'s str, dialect: Dialect) -> Option<Self> {
        let tokens = tokens(sql, dialect)?;
        let mut starts = Vec::with_capacity(tokens.len() + 1);
        let mut at = Location { line: 1, column: 1 };
        let mut places = sql.char_indices();
        let mut left = tokens.iter().peekable();
        loop {
            let (byte, next) = places.next().unzip();
            let byte = byte.unwrap_or(sql.len());
            if left.next_if(|token| token.span.start == at).is_some() {
                starts.push(byte);
            }
            match next {
                Some('\n') => (at.line, at.column) = (at.line + 1, 1),
                Some(_) => at.column += 1,
                None => break,
            }
        }
        if starts.len() != tokens.len() {
            return None;
        }
        starts.push(sql.len());
        let parts = tokens.into_iter().zip(starts.windows(2));
        let parts = parts.map(|(token, range)| {
            let token = token.token;
            let text = match &token {
                Token::Number(number, _) => {
                    let digits = number.chars().filter(char::is_ascii_digit).count();
                    (digits >= DIGITS).then_some(number.as_str())
                }
                token => literal(token).or_else(|| comment(token)),
            };
            Part {
                text: text.map(|text| text.trim_end_matches(['\r', '\n']).to_owned()),
                written: &sql[range[0]..range[1]],
                is_masked: false,
                token,
            }
        });
        Some(Self {
            parts: parts.collect(),
            // The numbers of placeholders are those of one query, so that no key has to keep them.
            placeholders: Placeholders::new(&[0; 32], "", Known::default()),
        })
    }

    fn text(&self, at: usize) -> &str {
        self.parts[at].text.as_deref().unwrap_or_default()
    }

    fn set(&mut self, at: usize, text: String) {
        let part = &mut self.parts[at];
        part.is_masked |= part.text.as_ref() != Some(&text);
        part.text = Some(text);
    }

    fn mask(&mut self, text: &str) -> Option<String> {
        let masked = MASKER.text(text, &mut self.placeholders).ok()?;
        Some(masked.text)
    }

    /// Masks each literal, number and comment by itself, and comments that follow each other as one text.
    fn each_alone(&mut self) -> Option<()> {
        let mut before: Option<usize> = None;
        for at in 0..self.parts.len() {
            if let Some(text) = self.parts[at].text.clone() {
                let masked = self.mask(&text)?;
                self.set(at, masked);
            }
            let token = &self.parts[at].token;
            if comment(token).is_some() {
                if let Some(before) = before {
                    let context = self.text(before).to_owned() + " ";
                    self.mask_after(&context, before, at)?;
                }
                before = Some(at);
            } else if !matches!(token, Token::Whitespace(_)) {
                before = None;
            }
        }
        Some(())
    }

    /// Masks a text that follows another one, and the end of the other one if a value begins in it.
    fn mask_after(&mut self, context: &str, before: usize, at: usize) -> Option<()> {
        let text = self.text(at).to_owned();
        let masked = self.mask(&format!("{context}{text}"))?;
        if !masked.ends_with(&text) {
            self.set(at, SECRET.to_owned());
        }
        if !masked.starts_with(context) {
            self.set(before, SECRET.to_owned());
        }
        Some(())
    }

    /// Masks a literal or a number if this is the name of a secret or of personal data.
    fn mask_as(&mut self, label: &str, at: usize) -> Option<()> {
        let label = end_of(label);
        if label.is_empty() {
            return Some(());
        }
        let text = Value::String(self.text(at).to_owned());
        let mut pair = Value::Object(Map::from_iter([(label.to_owned(), text)]));
        MASKER.json(&mut pair, &mut self.placeholders).ok()?;
        let masked = pair.as_object()?.values().next()?.as_str()?.to_owned();
        self.set(at, masked);
        Some(())
    }

    fn written(&self, dialect: Dialect) -> String {
        let mut sql = String::new();
        for part in &self.parts {
            match (&part.token, &part.text) {
                (token, Some(text)) if part.is_masked => match token {
                    Token::Whitespace(Whitespace::SingleLineComment { prefix, .. }) => {
                        let end = part.written.trim_end_matches(['\r', '\n']).len();
                        sql += prefix;
                        sql += &text.replace(['\r', '\n'], " ");
                        sql += &part.written[end..];
                    }
                    Token::Whitespace(_) => {
                        sql += "/*";
                        sql += &text.replace("/*", " ").replace("*/", " ");
                        sql += "*/";
                    }
                    _ => sql += &quoted(text, dialect),
                },
                _ => sql += part.written,
            }
        }
        sql
    }
}

/// The end of a text that may be the name of a value: of "user %s has the password: %s", all but its last part.
fn end_of(label: &str) -> &str {
    let from = label.ceil_char_boundary(label.len().saturating_sub(masking::KEY));
    let mut label = label[from..].trim_end_matches(|it: char| !it.is_alphanumeric());
    for format in ["%s", "%L", "%I"] {
        label = label.strip_suffix(format).unwrap_or(label);
    }
    // A placeholder is the value of what is before it.
    let is_label = |it: char| it.is_ascii_uppercase() || it.is_ascii_digit() || it == '_';
    if label.trim_end_matches(is_label).ends_with('[') {
        return "";
    }
    label.trim_matches(|it: char| !it.is_alphanumeric())
}

fn quoted(text: &str, dialect: Dialect) -> String {
    let text = match dialect {
        Dialect::Postgres => text.replace('\'', "''"),
        Dialect::Bigquery => {
            let text = text.replace('\\', "\\\\").replace('\'', "\\'");
            text.replace('\n', "\\n").replace('\r', "\\r")
        }
    };
    format!("'{text}'")
}

/// What is before a token of a query and may name the value in it.
#[derive(Default)]
struct Walk {
    /// The literal before, with only commas, comparisons, casts and parentheses since.
    literal: Option<usize>,
    /// The texts that are concatenated with the last literal.
    joined: String,
    /// Whether only `||` is between the last literal and this.
    is_joined: bool,
    /// Whether the last operator is an equals sign.
    is_equal: bool,
    /// A name before, and whether it is compared to what follows.
    word: Option<(String, bool)>,
    is_cast: bool,
    is_alias: bool,
}

impl Walk {
    fn all(mut self, query: &mut Query) -> Option<()> {
        let places = (0..query.parts.len())
            .filter(|at| !matches!(query.parts[*at].token, Token::Whitespace(_)));
        let places: Vec<usize> = places.collect();
        for (number, at) in places.iter().enumerate() {
            let next = places.get(number + 1);
            let next = next.map(|next| query.parts[*next].token.clone());
            let token = query.parts[*at].token.clone();
            match &token {
                Token::Word(word) => {
                    let name = (word.value.as_str(), word.quote_style.is_some());
                    self.word(name, next.as_ref(), query)?;
                }
                token if value(token).is_some() => {
                    if query.parts[*at].text.is_some() {
                        self.value(*at, query)?;
                    }
                    self.is_cast = false;
                }
                token => self.sign(token),
            }
        }
        Some(())
    }

    fn value(&mut self, at: usize, query: &mut Query) -> Option<()> {
        if let Some((word, true)) = &self.word {
            query.mask_as(word, at)?;
        }
        let before = self.literal.filter(|_| self.is_joined);
        if before.is_none() {
            self.joined.clear();
        }
        if let Some(before) = before {
            query.mask_after(&self.joined, before, at)?;
            query.mask_as(&self.joined, at)?;
            // The rest of a secret, or what a label that is split seemed to be.
            if query.text(before) == SECRET {
                query.set(at, SECRET.to_owned());
            }
        } else if let Some(before) = self.literal {
            let label = query.text(before).to_owned();
            query.mask_as(&label, at)?;
        }
        self.joined += query.text(at);
        let from = self.joined.len().saturating_sub(CONTEXT);
        let from = self.joined.ceil_char_boundary(from);
        self.joined.drain(..from);
        (self.literal, self.is_joined) = (Some(at), true);
        (self.is_equal, self.is_alias) = (false, false);
        Some(())
    }

    fn word(
        &mut self,
        (name, is_quoted): (&str, bool),
        next: Option<&Token>,
        query: &mut Query,
    ) -> Option<()> {
        let lower = name.to_lowercase();
        let is = |words: &[&str]| !is_quoted && words.contains(&lower.as_str());
        // A type, such as `pg_catalog.text` or `character varying`.
        if self.is_cast || self.is_alias && is(&TYPES) {
            self.is_cast = next == Some(&Token::Period)
                || matches!(next, Some(Token::Word(word)) if TYPES.contains(&word.value.to_lowercase().as_str()));
            self.is_alias = false;
            return Some(());
        }
        if is(&BETWEEN) {
            self.is_alias = lower == "as";
            self.is_joined &= self.is_alias;
            if lower == "then" {
                self.word = None;
            } else if is(&COMPARING)
                && let Some((_, is_compared)) = &mut self.word
            {
                *is_compared = true;
            }
            return Some(());
        }
        // The end of a path is the name, and the name of a function says nothing about its argument.
        if matches!(next, Some(Token::Period | Token::LParen)) {
            return Some(());
        }
        if let Some(literal) = self.literal.filter(|_| self.is_equal || self.is_alias) {
            query.mask_as(name, literal)?;
        }
        (self.literal, self.is_equal, self.is_alias) = (None, false, false);
        self.word = Some((name.to_owned(), false));
        Some(())
    }

    fn sign(&mut self, token: &Token) {
        match token {
            Token::DoubleColon => self.is_cast = true,
            Token::Period
            | Token::StringConcat
            | Token::LParen
            | Token::RParen
            | Token::LBracket
            | Token::RBracket => {}
            Token::Comma => {
                self.is_joined = false;
                self.word.take_if(|(_, is_compared)| !*is_compared);
            }
            Token::Eq
            | Token::DoubleEq
            | Token::Neq
            | Token::Assignment
            | Token::RArrow
            | Token::Tilde
            | Token::TildeAsterisk => {
                self.is_joined = false;
                self.is_equal = true;
                if let Some((_, is_compared)) = &mut self.word {
                    *is_compared = true;
                }
            }
            _ => *self = Self::default(),
        }
        if matches!(token, Token::Comma | Token::StringConcat) {
            self.is_equal = false;
        }
        self.is_cast &= matches!(token, Token::DoubleColon | Token::Period);
        self.is_alias = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres(sql: &str) -> String {
        masked(sql, Dialect::Postgres).unwrap()
    }

    #[test]
    fn masking_changes_only_literals_numbers_and_comments() {
        for (sql, expected) in [
            (
                "select id, 'password: '::text || (to_json(s) ->> 'boss'::text) from pub.people",
                None,
            ),
            ("select 1 where country = 'my password: '::text", None),
            (r#"select id as "010-1234-5678" from t"#, None),
            (
                "select x /* ask jane.doe@example.com's team */, y from t",
                Some("select x /* ask [EMAIL_1]'s team */, y from t"),
            ),
            (
                "select E'it\\'s jane.doe@example.com'::text || x",
                Some("select 'it''s [EMAIL_1]'::text || x"),
            ),
            (
                "select a -- jane.doe@example.com\nfrom t",
                Some("select a -- [EMAIL_1]\nfrom t"),
            ),
            (
                "select 'é', '\u{1f600}'\n, $$jane.doe@example.com$$ as \"ü\"",
                Some("select 'é', '\u{1f600}'\n, '[EMAIL_1]' as \"ü\""),
            ),
            ("select 1 where n = 12 and m = 1000000", None),
        ] {
            assert_eq!(postgres(sql), expected.unwrap_or(sql), "{sql}");
        }
        let pattern = postgres(r"select regexp_replace(c, 'password=(\w+)', 'x') from t");
        assert!(
            pattern.starts_with("select regexp_replace(c, 'password="),
            "{pattern}"
        );
        assert!(pattern.ends_with("', 'x') from t"), "{pattern}");
        let bigquery = r#"select "bob's mail: bob@example.com" from `p.shop.t`"#;
        assert_eq!(
            masked(bigquery, Dialect::Bigquery).unwrap(),
            r"select 'bob\'s mail: [EMAIL_1]' from `p.shop.t`"
        );
        assert_eq!(masked("select 'a", Dialect::Postgres), None);
    }

    #[test]
    fn a_literal_after_the_name_of_a_secret_is_masked() {
        for sql in [
            "select 'api_key=' || 'hunter2swordfish9'",
            "select 'api_key='::text || 'hunter2swordfish9'::text",
            "select 'pass' || 'word=' || 'hunter2swordfish9'",
            "select concat('api_key=', 'hunter2swordfish9')",
            "select format('user password=%s', 'hunter2swordfish9')",
            "select jsonb_build_object('user', 'x', 'password', 'hunter2swordfish9', 'a', 'b')",
            "select * from (values ('password'::character varying, 'hunter2swordfish9'::text)) v",
            "select case when (x = 'password'::text) then 'hunter2swordfish9'::text else y end",
            "select 1 from t where (t.password = 'hunter2swordfish9'::text)",
            "select 1 from t where password in ('hunter1swordfish9', 'hunter2swordfish9')",
            "select 1 from t where (t.s ->> 'password'::text) = 'hunter2swordfish9'::text",
            "select 1 from t where 'hunter2swordfish9'::text = t.password",
            "select 'hunter2swordfish9'::pg_catalog.text as password",
            "select cast('password' as text) || cast('hunter2swordfish9' as text)",
            "select 1 -- password:\n-- hunter2swordfish9\n",
        ] {
            let masked = postgres(sql);
            assert!(masked.contains("[SECRET]"), "{sql}: {masked}");
            for part in ["hunter1", "hunter2", "swordfish"] {
                assert!(!masked.contains(part), "{sql}: {masked}");
            }
        }
        for sql in [
            "select s -> 'password' -> 'hunter2swordfish9'",
            "select 'user', 'active', kind from t where status in ('open', 'closed')",
            "select 1 from t where password is null and status = 'hunter2swordfish9'",
            "select 'a' || '010' , '1234', '5678'",
        ] {
            assert_eq!(postgres(sql), sql);
        }
    }
}
