//! Masks the literals, numbers and comments of a query one by one. Names and operators stay as they are, so that the
//! query stays valid and still names whatever it named.

mod literals;
mod names;
mod scope;

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
/// Why a query without tokens can't be masked.
const UNREAD: &str = "its tokens can't be read";
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

/// A query with placeholders for the personal data and secrets in its literals, numbers and comments.
///
/// # Errors
/// Why it can't be masked.
pub(super) fn masked(sql: &str, dialect: Dialect) -> Result<String, String> {
    let mut query = Query::of(sql, dialect).ok_or(UNREAD)?;
    query.each_alone()?;
    let tokens = query.tokens();
    literals::mask(&mut query, &tokens)?;
    names::mask(&mut query, &tokens)?;
    let masked = query.written(dialect);
    let kept = names(&masked, dialect).ok_or(UNREAD)?;
    match names(sql, dialect) {
        Some(names) if names == kept => Ok(masked),
        _ => Err("masking changes its names".to_owned()),
    }
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

    /// All tokens but spaces and comments, with their places.
    fn tokens(&self) -> Vec<(usize, Token)> {
        let parts = self.parts.iter().enumerate();
        let parts = parts.filter(|(_, part)| !matches!(part.token, Token::Whitespace(_)));
        parts.map(|(at, part)| (at, part.token.clone())).collect()
    }

    fn text(&self, at: usize) -> &str {
        self.parts[at].text.as_deref().unwrap_or_default()
    }

    fn set(&mut self, at: usize, text: String) {
        let part = &mut self.parts[at];
        part.is_masked |= part.text.as_ref() != Some(&text);
        part.text = Some(text);
    }

    fn mask(&mut self, text: &str) -> Result<String, String> {
        let masked = MASKER.text(text, &mut self.placeholders);
        Ok(masked.map_err(|error| error.to_string())?.text)
    }

    /// Masks each literal, number and comment by itself, and comments that follow each other as one text.
    fn each_alone(&mut self) -> Result<(), String> {
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
        Ok(())
    }

    /// Masks a text that follows another one, and the end of the other one if a value begins in it.
    fn mask_after(&mut self, context: &str, before: usize, at: usize) -> Result<(), String> {
        let text = self.text(at).to_owned();
        let masked = self.mask(&format!("{context}{text}"))?;
        if !masked.ends_with(&text) {
            self.set(at, SECRET.to_owned());
        }
        if !masked.starts_with(context) {
            self.set(before, SECRET.to_owned());
        }
        Ok(())
    }

    /// Masks a literal or a number if this is the name of a secret or of personal data.
    fn mask_as(&mut self, label: &str, at: usize) -> Result<(), String> {
        let label = end_of(label);
        if label.is_empty() {
            return Ok(());
        }
        let text = Value::String(self.text(at).to_owned());
        let mut pair = Value::Object(Map::from_iter([(label.to_owned(), text)]));
        MASKER
            .json(&mut pair, &mut self.placeholders)
            .map_err(|error| error.to_string())?;
        let masked = pair.as_object().and_then(|it| it.values().next()?.as_str());
        let masked = masked.ok_or("a literal of it has no masked form")?;
        self.set(at, masked.to_owned());
        Ok(())
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
        assert_eq!(
            masked("select 'a", Dialect::Postgres),
            Err(UNREAD.to_owned())
        );
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
    }

    #[test]
    fn a_literal_is_masked_by_what_it_is_compared_to_or_replaces_or_is_named() {
        for sql in [
            "select 1 from t where t.password ~~ '%hunter2swordfish9%'::text",
            "select 1 from t where t.password ~~* 'hunter2swordfish9'",
            "select 1 from t where t.password !~~ 'hunter2swordfish9'",
            "select 1 from t where t.password !~~* 'hunter2swordfish9'",
            "select 1 from t where t.password !~ 'hunter2swordfish9'",
            "select 1 from t where t.password !~* 'hunter2swordfish9'",
            "select 1 from t where t.password not like 'hunter2swordfish9' escape '!'",
            "select 1 from t where t.password like any (array['hunter1swordfish9', 'hunter2swordfish9'])",
            "select 1 from t where t.password >= 'hunter2swordfish9'",
            "select 1 from t where t.password % 'hunter2swordfish9'",
            "select 1 from t where t.password is distinct from 'hunter2swordfish9'::text",
            "select 1 from t where 'hunter2swordfish9' is not distinct from t.password",
            "select 1 from t where t.password between 'hunter1swordfish9' and 'hunter2swordfish9'",
            "select 1 from t where t.password not between symmetric 'hunter1swordfish9' and 'hunter2swordfish9'",
            "select 1 from t where lower(t.password) = lower('hunter2swordfish9')",
            "select 1 from t where (login, password) in (('bob', 'hunter2swordfish9'))",
            "select 1 from t where (s ->> 'password') in ('hunter1swordfish9', 'hunter2swordfish9')",
            "select coalesce(t.api_key, 'hunter2swordfish9'::text) from t",
            "select coalesce('hunter1swordfish9', t.api_key, null, 'hunter2swordfish9') from t",
            "select coalesce(nullif(t.api_key, ''), 'hunter2swordfish9') from t",
            "select coalesce((select u.api_key from u limit 1), 'hunter2swordfish9') from t",
            "select coalesce(t.x, 'hunter2swordfish9') as api_key from t",
            "select nullif(t.api_key, 'hunter2swordfish9'::text) from t",
            "select ifnull(t.api_key, 'hunter2swordfish9') from t",
            "select if(x is null, t.api_key, 'hunter2swordfish9') from t",
            "select greatest(lower('hunter2swordfish9'), t.api_key) from t",
            "select case when x = 'a' then t.api_key else 'hunter2swordfish9' end from t",
            "select case when x = 'a' then 'hunter1swordfish9' when y then 'hunter2swordfish9' end api_key",
            "select case t.password when 'hunter1swordfish9' then 1 when 'hunter2swordfish9' then 2 end",
            "select 1 from (values ('bob', 'hunter2swordfish9'), ('eve', 'hunter1swordfish9')) v(login, password)",
            "select 1 from ( values ('bob'::text,'hunter2swordfish9'::text)) as v (login, \"password\")",
            "with v(login, password) as (values ('bob', 'hunter2swordfish9')) select login from v",
            "with v(login, password) as materialized (select 'bob', 'hunter2swordfish9') select login from v",
            "select 'bob' as login, 'b' as password union all select 'eve', 'hunter2swordfish9'",
            "select login, password from t union all select 'eve', 'hunter2swordfish9'",
            "select 1 from unnest(array['bob'], array['hunter2swordfish9']) with ordinality as u(login, password, n)",
            "select 1 from jsonb_to_record('hunter2swordfish9') as (password text)",
            "select unnest(array['hunter1swordfish9', 'hunter2swordfish9']) as password",
            "select 'hunter2swordfish9' password",
            "select 1 from unnest([struct('bob' as login, 'b' as password), ('eve', 'hunter2swordfish9')])",
        ] {
            let masked = postgres(sql);
            for part in ["hunter1", "hunter2", "swordfish"] {
                assert!(!masked.contains(part), "{sql}: {masked}");
            }
        }
        let bigquery = r#"select ifnull(t.api_key, "hunter2") from `p.shop.t` t"#;
        assert_eq!(
            masked(bigquery, Dialect::Bigquery).unwrap(),
            "select ifnull(t.api_key, '[SECRET]') from `p.shop.t` t"
        );
    }

    #[test]
    fn a_literal_that_belongs_to_another_name_stays() {
        for sql in [
            "select s -> 'password' -> 'hunter2swordfish9'",
            "select 'user', 'active', kind from t where status in ('open', 'closed')",
            "select 1 from t where password is null and status = 'hunter2swordfish9'",
            "select 'a' || '010' , '1234', '5678'",
            "select 1 from t where (password is not null) and status ~~ 'hunter2swordfish9'",
            "select case when password is null then 'hunter2swordfish9' else 'b' end as state from t",
            "select 1 from t where password between x and y and status = 'hunter2swordfish9'",
            "select 'Your password is ' || password || ' today' as text_of_mail from t",
            "select coalesce(kind, 'hunter2swordfish9'), password from t",
            "select 1 from (values ('bob', 'hunter2swordfish9')) v(login, status)",
            "select exists (select 1 from u where password = x and status = 'open') and kind = 'hunter2'",
        ] {
            assert_eq!(postgres(sql), sql);
        }
    }

    #[test]
    fn a_long_query_is_masked_in_time_and_the_same_each_time() {
        let branches: String = (0..1000)
            .map(|n| format!("when {n} then 'kind {n}' "))
            .collect();
        let sql = format!("select case t.password {branches}else t.phone end as api_key from t");
        let masked = postgres(&sql);
        assert!(!masked.contains("kind 999"), "{masked}");
        assert_eq!(masked, postgres(&sql));
        let list = "'open', ".repeat(9_000);
        let listed = format!("select 1 from t where status in ({list}'open')");
        assert_eq!(postgres(&listed), listed);
        // Each literal beside a name may be the name of the others.
        let branches: String = (0..1000)
            .map(|n| format!("when {n} then concat(t.phone, 'kind {n}') "))
            .collect();
        let alternatives: String = (0..900).map(|n| format!("c{n}, 'x{n}', ")).collect();
        for too_many in [
            format!("select case t.password {branches}end as api_key from t"),
            format!("select coalesce({alternatives}'x')"),
        ] {
            let reason = "it has more than 100000 pairs of names and literals".to_owned();
            assert_eq!(super::masked(&too_many, Dialect::Postgres), Err(reason));
        }
    }
}
