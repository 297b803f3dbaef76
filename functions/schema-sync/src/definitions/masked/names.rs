//! Masks literals by the names in a query: what a name is compared to, what replaces its value, and what gets it as
//! its name.

use std::collections::BTreeMap;

use sqlparser::tokenizer::{Token, Word};

use super::scope::{Kind, Operand, Scope};
use super::{Query, TYPES, value};

/// The most pairs of names and literals. A query with more can't be masked.
const MOST: usize = 100_000;
/// Functions that return one of their arguments.
const ALTERNATIVES: [&str; 6] = ["coalesce", "greatest", "ifnull", "least", "nullif", "nvl"];
/// Words that compare what is before them with what is after them.
const LINKS: [&str; 7] = ["between", "ilike", "in", "is", "like", "rlike", "similar"];
/// Words that are no names and separate nothing.
const IGNORED: [&str; 14] = [
    "all",
    "any",
    "array",
    "distinct",
    "escape",
    "false",
    "not",
    "null",
    "row",
    "some",
    "struct",
    "symmetric",
    "to",
    "true",
];
const SEPARATORS: [&str; 31] = [
    "by",
    "cross",
    "except",
    "fetch",
    "filter",
    "full",
    "group",
    "having",
    "inner",
    "intersect",
    "join",
    "lateral",
    "left",
    "limit",
    "materialized",
    "natural",
    "offset",
    "on",
    "or",
    "order",
    "over",
    "partition",
    "pivot",
    "qualify",
    "recursive",
    "right",
    "union",
    "using",
    "where",
    "window",
    "with",
];
/// Words with a meaning of their own.
const CLAUSES: [&str; 10] = [
    "and", "as", "case", "else", "end", "from", "select", "then", "values", "when",
];

pub(super) fn mask(query: &mut Query, tokens: &[(usize, Token)]) -> Result<(), String> {
    let mut names = Names {
        query,
        tokens,
        scopes: vec![Scope::new(Kind::Group)],
        is_after_operand: false,
        is_cast: false,
        left: MOST,
    };
    for at in 0..tokens.len() {
        names.token(at)?;
    }
    while !names.scopes.is_empty() {
        names.close(tokens.len())?;
    }
    Ok(())
}

struct Names<'q, 's, 't> {
    query: &'q mut Query<'s>,
    tokens: &'t [(usize, Token)],
    /// The open parentheses, brackets and `case`s, from the whole query on.
    scopes: Vec<Scope<'t>>,
    /// Whether a value or a name is before, so that a name is an alias.
    is_after_operand: bool,
    is_cast: bool,
    left: usize,
}

impl<'t> Names<'_, '_, 't> {
    fn token(&mut self, at: usize) -> Result<(), String> {
        let (part, token) = &self.tokens[at];
        match token {
            Token::Word(word) => return self.word(at, word),
            token if value(token).is_some() => {
                if self.query.parts[*part].text.is_some() {
                    self.top().add(&Operand::of_value(*part));
                }
                self.is_after_operand = true;
            }
            Token::LParen | Token::LBracket => self.open(at),
            Token::RParen | Token::RBracket => {
                while self.scopes.len() > 1 && self.top().kind.is_of_case() {
                    self.close(at)?;
                }
                if self.scopes.len() > 1 {
                    self.close(at)?;
                }
                self.is_after_operand = true;
            }
            Token::Comma => self.comma()?,
            Token::SemiColon => self.end_of_chain()?,
            Token::Period
            | Token::StringConcat
            | Token::Arrow
            | Token::LongArrow
            | Token::HashArrow
            | Token::HashLongArrow => self.is_after_operand = false,
            Token::DoubleColon => {}
            _ => self.link(),
        }
        self.is_cast =
            matches!(token, Token::DoubleColon) || self.is_cast && matches!(token, Token::Period);
        Ok(())
    }

    fn word(&mut self, at: usize, word: &'t Word) -> Result<(), String> {
        let lower = word.value.to_lowercase();
        let is = |words: &[&str]| word.quote_style.is_none() && words.contains(&lower.as_str());
        let next = self.tokens.get(at + 1).map(|(_, token)| token);
        let is_type = |token: &Token| matches!(token, Token::Word(it) if is_one(it, &TYPES));
        // A type, such as `pg_catalog.text` or `character varying`.
        if self.is_cast || is(&TYPES) && self.is_before(at, &["as"]) {
            self.is_cast = next.is_some_and(|it| *it == Token::Period || is_type(it));
            self.is_after_operand = true;
            return Ok(());
        }
        let is_call = next == Some(&Token::LParen);
        if is(&LINKS) || is(&["from"]) && self.is_before(at, &["distinct"]) {
            self.top().is_between |= lower == "between";
            self.link();
        } else if is(&CLAUSES) && (lower != "values" || is_call) {
            self.clause(at, &lower, is_call)?;
        } else if is(&SEPARATORS) && !(is_call && is(&["left", "right"])) {
            self.end_of_chain()?;
        } else if is(&IGNORED) {
            self.is_after_operand = false;
        // The end of a path is the name, and the name of a function says nothing about its argument.
        } else if is_call || next == Some(&Token::Period) {
            self.is_after_operand = false;
        } else {
            if self.is_after_operand {
                self.link();
            }
            let is_alias = self.is_after_operand || self.is_before(at, &["as"]);
            let name = word.value.as_str();
            let scope = self.top();
            scope.alias = is_alias.then_some(name).or(scope.alias);
            scope.add(&Operand::of_name(name));
            self.is_after_operand = true;
        }
        Ok(())
    }

    fn clause(&mut self, at: usize, lower: &str, is_call: bool) -> Result<(), String> {
        match lower {
            "and" if self.top().is_between => {
                self.top().is_between = false;
                self.link();
            }
            "and" => self.end_of_chain()?,
            // The name of a common table expression or a window says nothing about what is in it.
            "as" if is_call => self.end_of_chain()?,
            "as" => self.link(),
            "select" | "values" => {
                self.end_of_chain()?;
                let scope = self.top();
                (scope.is_result, scope.column) = (true, 0);
                (scope.is_select, scope.is_rows) = (lower == "select", lower == "values");
            }
            "from" if self.top().is_select => {
                self.end_of_chain()?;
                self.top().is_result = false;
            }
            "case" => self.scopes.push(Scope::new(Kind::Case)),
            "when" => {
                self.link();
                self.top().test();
                self.scopes.push(Scope::new(Kind::When));
            }
            "then" if self.top().kind == Kind::When => {
                self.end_of_chain()?;
                let compared = self.scopes.pop().map(|it| it.result);
                let compared = compared.unwrap_or_default();
                let tested = self.top().tested.clone().unwrap_or_default();
                self.compare(&[tested, compared])?;
                self.link();
            }
            "else" => self.link(),
            "end" if self.top().kind == Kind::Case => {
                self.close(at)?;
                self.is_after_operand = true;
                return Ok(());
            }
            _ => {}
        }
        self.is_after_operand = false;
        Ok(())
    }

    fn comma(&mut self) -> Result<(), String> {
        match self.top().kind {
            Kind::Alternatives => self.link(),
            kind => {
                self.end_of_chain()?;
                if kind == Kind::Condition {
                    self.top().kind = Kind::Alternatives;
                }
            }
        }
        let scope = self.top();
        scope.column += usize::from(!scope.is_rows);
        Ok(())
    }

    fn open(&mut self, at: usize) {
        let is_before = |words: &[&str]| self.is_before(at, words);
        let kind = match self.tokens[at].1 {
            Token::LParen if is_before(&ALTERNATIVES) => Kind::Alternatives,
            Token::LParen if is_before(&["if"]) => Kind::Condition,
            _ => Kind::Group,
        };
        let mut scope = Scope::new(kind);
        scope.is_rows = self.tokens[at].1 == Token::LBracket;
        scope.given = self.names_before(at);
        self.scopes.push(scope);
        self.is_after_operand = false;
    }

    /// Ends a scope, which is an operand of the one around it.
    fn close(&mut self, at: usize) -> Result<(), String> {
        self.end_of_chain()?;
        let Some(scope) = self.scopes.pop() else {
            return Ok(());
        };
        let after = self.names_after(at);
        for (column, operand) in scope.columns.iter().enumerate() {
            let given = [&scope.given, &after].map(|names| names.get(column).copied());
            let names = operand.names.iter().copied();
            let names = Operand {
                names: names.chain(given.into_iter().flatten()).collect(),
                values: Vec::new(),
            };
            let values = Operand {
                names: Vec::new(),
                values: operand.values.clone(),
            };
            self.compare(&[names, values])?;
        }
        if let Some(around) = self.scopes.last_mut() {
            around.add(&scope.result);
            around.add_row(&scope);
        }
        Ok(())
    }

    fn top(&mut self) -> &mut Scope<'t> {
        if self.scopes.is_empty() {
            self.scopes.push(Scope::new(Kind::Group));
        }
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }

    /// What follows is compared with what is before, or is its name.
    fn link(&mut self) {
        self.top().chain.push(Operand::default());
        self.is_after_operand = false;
    }

    fn end_of_chain(&mut self) -> Result<(), String> {
        self.is_after_operand = false;
        let chain = self.top().end_of_chain();
        self.compare(&chain)
    }

    /// Masks the literals of each operand by the names of the others. Beside a name, a literal may be one as well:
    /// `s ->> 'password'`.
    fn compare(&mut self, chain: &[Operand<'t>]) -> Result<(), String> {
        if chain.iter().all(|it| it.values.is_empty()) {
            return Ok(());
        }
        let mut labels: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (number, operand) in chain.iter().enumerate() {
            let names = operand.names.iter().map(|&name| name.to_owned());
            let beside = operand.values.iter().filter(|_| !operand.names.is_empty());
            let beside = beside.map(|at| self.query.text(*at).to_owned());
            for label in names.chain(beside) {
                let operands = labels.entry(label).or_default();
                if operands.len() < 2 && !operands.contains(&number) {
                    operands.push(number);
                }
            }
        }
        let mut own = vec![0; chain.len()];
        for operands in labels.values() {
            if let [only] = operands[..] {
                own[only] += 1;
            }
        }
        let pairs = chain.iter().zip(&own);
        let pairs = pairs.map(|(operand, own)| operand.values.len() * (labels.len() - own));
        let left = self.left.checked_sub(pairs.sum());
        self.left =
            left.ok_or_else(|| format!("it has more than {MOST} pairs of names and literals"))?;
        for (number, operand) in chain.iter().enumerate() {
            for at in &operand.values {
                for (label, operands) in &labels {
                    if operands.iter().any(|it| *it != number) {
                        self.query.mask_as(label, *at)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn is_before(&self, at: usize, words: &[&str]) -> bool {
        let before = at.checked_sub(1).map(|at| &self.tokens[at].1);
        matches!(before, Some(Token::Word(word)) if is_one(word, words))
    }

    /// The names of columns after a table: `(values ('x', 'y')) as v(login, password)`.
    fn names_after(&self, at: usize) -> Vec<&'t str> {
        let mut at = at + 1;
        let of = |at: usize| self.tokens.get(at).map(|(_, token)| token);
        while matches!(of(at), Some(Token::Word(word)) if is_one(word, &["with", "ordinality", "as"]))
        {
            at += 1;
        }
        match of(at) {
            Some(Token::Word(word)) if !is_keyword(word) => at += 1,
            Some(Token::LParen) if self.is_before(at, &["as"]) => {}
            _ => return Vec::new(),
        }
        self.columns(at)
    }

    /// The names of columns before a table: `with v(login, password) as (values ('x', 'y'))`.
    fn names_before(&self, at: usize) -> Vec<&'t str> {
        let mut from = at;
        while self.is_before(from, &["as", "materialized", "not"]) {
            from -= 1;
        }
        let is_closed = from > 0 && self.tokens[from - 1].1 == Token::RParen;
        if from == at || !is_closed {
            return Vec::new();
        }
        let mut before = self.tokens[..from].iter();
        let start = before.rposition(|(_, token)| *token == Token::LParen);
        start.map_or_else(Vec::new, |start| self.columns(start))
    }

    /// The first words in parentheses: `(login text, password text)`.
    fn columns(&self, open: usize) -> Vec<&'t str> {
        let mut names = Vec::new();
        let mut depth = 0;
        let mut is_first = false;
        for (_, token) in &self.tokens[open.min(self.tokens.len())..] {
            match token {
                Token::LParen => {
                    is_first = depth == 0;
                    depth += 1;
                }
                Token::RParen if depth <= 1 => break,
                Token::RParen => depth -= 1,
                Token::Comma => is_first = depth == 1,
                Token::Word(word) if is_first => {
                    names.push(word.value.as_str());
                    is_first = false;
                }
                _ if depth == 0 => break,
                _ => is_first = false,
            }
        }
        names
    }
}

fn is_one(word: &Word, words: &[&str]) -> bool {
    word.quote_style.is_none() && words.iter().any(|it| word.value.eq_ignore_ascii_case(it))
}

fn is_keyword(word: &Word) -> bool {
    [&LINKS[..], &IGNORED, &SEPARATORS, &CLAUSES]
        .iter()
        .any(|words| is_one(word, words))
}
