//! Syntax of BigQuery.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::clauses::Clauses;
use super::{
    Tokens, arguments, at, closing, is, is_name, is_word, keyword, like_any, pipes, quoted, touches,
};

pub fn rewrite(tokens: &[TokenWithSpan]) -> Tokens {
    let mut tokens = table_names(tokens);
    drop_safe(&mut tokens);
    like_any(&mut tokens);
    tokens = typed_literals(&tokens);
    tokens = set_operations(&tokens);
    tokens = offsets(tokens);
    tokens = arguments::rewrite(&tokens);
    pipes::rewrite(&tokens)
}

/// Quotes the parts of table names that need no quotes in BigQuery: `acme-prod.day.20240101`.
fn table_names(tokens: &[TokenWithSpan]) -> Tokens {
    let mut named: Tokens = Vec::with_capacity(tokens.len());
    let mut clauses = Clauses::default();
    let mut place = 0;
    while let Some(token) = tokens.get(place) {
        let is_table = clauses.is_table();
        clauses.step(tokens, place);
        place += 1;
        let dotted = match (&token.token, named.last()) {
            // `day.20240101`: the parser reads the number `.20240101`.
            (Token::Number(digits, _), Some(last))
                if is_name(Some(last)) && touches(last, token) =>
            {
                digits.strip_prefix('.').map(str::to_owned)
            }
            _ => None,
        };
        if let Some(mut part) = dotted {
            let end = joined(tokens, &mut place, &mut part, false);
            named.push(at(token.span, Token::Period));
            named.push(quoted(token.span, part));
            if let (Some(last), Some(end)) = (named.last_mut(), end) {
                last.span.end = end;
            }
            continue;
        }
        if let (true, Token::Word(word)) = (is_table, &token.token)
            && word.quote_style.is_none()
            && is(tokens.get(place), &Token::Minus)
        {
            let mut part = word.value.clone();
            let end = joined(tokens, &mut place, &mut part, true);
            let has_period = part.ends_with('.');
            let mut name = quoted(token.span, part.trim_end_matches('.').to_owned());
            name.span.end = end.unwrap_or(name.span.end);
            let span = name.span;
            named.push(name);
            if has_period {
                named.push(at(span, Token::Period));
            }
            continue;
        }
        named.push(token.clone());
    }
    named
}

/// Appends the words, numbers and, in the first part of a name, hyphens that follow without a space.
fn joined(
    tokens: &[TokenWithSpan],
    place: &mut usize,
    part: &mut String,
    hyphens: bool,
) -> Option<sqlparser::tokenizer::Location> {
    let mut end = None;
    while let Some(token) = tokens.get(*place)
        && touches(&tokens[*place - 1], token)
    {
        match &token.token {
            Token::Word(word) if word.quote_style.is_none() => part.push_str(&word.value),
            // `acme-1.shop`: the parser reads the number `1.`.
            Token::Number(digits, _) if !digits.starts_with('.') => part.push_str(digits),
            Token::Minus if hyphens => part.push('-'),
            _ => break,
        }
        end = Some(token.span.end);
        *place += 1;
        if part.ends_with('.') {
            break;
        }
    }
    end
}

/// Drops the prefix of `safe.substr(..)`: the parser has a special syntax for `substr` and does not
/// parse the prefix. It only changes the result of a failing call.
fn drop_safe(tokens: &mut Tokens) {
    let special = [
        "substr",
        "substring",
        "trim",
        "ceil",
        "floor",
        "extract",
        "cast",
    ];
    let mut place = 0;
    while place + 3 < tokens.len() {
        let is_prefix = is_word(tokens.get(place), &["safe"])
            && is(tokens.get(place + 1), &Token::Period)
            && is_word(tokens.get(place + 2), &special)
            && is(tokens.get(place + 3), &Token::LParen)
            && (place == 0 || !is(tokens.get(place - 1), &Token::Period));
        if is_prefix {
            tokens.drain(place..place + 2);
        }
        place += 1;
    }
}

/// `array<t>[..]` becomes `cast([..] as array<t>)`. A range of `t` has the fields of `t`, which are none:
/// `range<t>` becomes `t`.
fn typed_literals(tokens: &[TokenWithSpan]) -> Tokens {
    let mut read: Tokens = Vec::with_capacity(tokens.len());
    // Where each cast closes, and its type.
    let mut casts: Vec<(usize, Tokens)> = Vec::new();
    let mut dropped = Vec::new();
    for (place, token) in tokens.iter().enumerate() {
        if dropped.contains(&place) {
            continue;
        }
        let opens = is(tokens.get(place + 1), &Token::Lt);
        let end = if opens {
            type_end(tokens, place + 1)
        } else {
            None
        };
        match end {
            Some(end) if is_word(Some(token), &["range"]) => dropped.extend([place + 1, end]),
            Some(end)
                if is_word(Some(token), &["array"])
                    && is(tokens.get(end + 1), &Token::LBracket)
                    && let Some(close) = closing(tokens, end + 1) =>
            {
                dropped.extend(place + 1..=end);
                casts.push((close, tokens[place..=end].to_vec()));
                read.extend([keyword(token.span, "CAST"), at(token.span, Token::LParen)]);
            }
            _ => read.push(token.clone()),
        }
        if let Some((close, _)) = casts.last()
            && *close == place
            && let Some((_, data_type)) = casts.pop()
        {
            read.push(keyword(token.span, "AS"));
            read.extend(typed_literals(&data_type));
            read.push(at(token.span, Token::RParen));
        }
    }
    read
}

/// The place of the `>` that closes the `<` at `open`. A `>>` that closes two types is not split.
fn type_end(tokens: &[TokenWithSpan], open: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (place, token) in tokens.iter().enumerate().skip(open) {
        match &token.token {
            Token::Lt => depth += 1,
            Token::Gt => depth -= 1,
            Token::ShiftRight => depth -= 2,
            Token::Word(_)
            | Token::Comma
            | Token::LParen
            | Token::RParen
            | Token::Number(..)
            | Token::Period => {}
            _ => return None,
        }
        match depth {
            0 => return Some(place),
            ..0 => return None,
            _ => {}
        }
    }
    None
}

/// The modes and modifiers of set operations by column names: the parser knows `by name` alone.
fn set_operations(tokens: &[TokenWithSpan]) -> Tokens {
    let operators = ["union", "intersect", "except"];
    let mut read: Tokens = Vec::with_capacity(tokens.len());
    let mut place = 0;
    while let Some(token) = tokens.get(place) {
        let next = tokens.get(place + 1);
        let is_mode = is_word(Some(token), &["full", "left", "inner"])
            && (is_word(next, &operators)
                || (is_word(next, &["outer"]) && is_word(tokens.get(place + 2), &operators)));
        let is_quantified = is_word(read.last(), &["all", "distinct"]);
        if is_mode {
            place += if is_word(next, &["outer"]) { 2 } else { 1 };
        } else if is_quantified && is_word(Some(token), &["strict"]) {
            place += 1;
        } else if is_quantified && is_word(Some(token), &["corresponding"]) {
            read.extend([keyword(token.span, "BY"), keyword(token.span, "NAME")]);
            place += 1;
            if is_word(next, &["by"]) {
                place = columns_end(tokens, place + 1);
            }
        } else if is_quantified && is_word(Some(token), &["by"]) && is_word(next, &["name"]) {
            read.extend([token.clone(), tokens[place + 1].clone()]);
            place += 2;
            if is_word(tokens.get(place), &["on"]) {
                place = columns_end(tokens, place + 1);
            }
        } else {
            read.push(token.clone());
            place += 1;
        }
    }
    read
}

/// The place after a list in parentheses that starts at `open`.
fn columns_end(tokens: &[TokenWithSpan], open: usize) -> usize {
    match tokens.get(open).map(|token| &token.token) {
        Some(Token::LParen) => closing(tokens, open).map_or(open, |close| close + 1),
        _ => open,
    }
}

/// `o.items as i with offset` becomes `unnest(o.items) as i with offset`.
fn offsets(tokens: Tokens) -> Tokens {
    let mut wrapped: Vec<(usize, usize)> = Vec::new();
    for place in 1..tokens.len().saturating_sub(1) {
        let is_offset =
            is_word(tokens.get(place), &["with"]) && is_word(tokens.get(place + 1), &["offset"]);
        if !is_offset {
            continue;
        }
        let mut last = place - 1;
        if last >= 2 && is_word(tokens.get(last - 1), &["as"]) {
            last -= 2;
        } else if last >= 1 && is_name(tokens.get(last)) && is_name(tokens.get(last - 1)) {
            last -= 1;
        }
        let mut first = last;
        while first >= 2
            && is(tokens.get(first - 1), &Token::Period)
            && is_name(tokens.get(first - 2))
        {
            first -= 2;
        }
        if first < last && is_name(tokens.get(last)) {
            wrapped.push((first, last));
        }
    }
    if wrapped.is_empty() {
        return tokens;
    }
    let mut read: Tokens = Vec::with_capacity(tokens.len() + 3 * wrapped.len());
    for (place, token) in tokens.into_iter().enumerate() {
        let span = token.span;
        if wrapped.iter().any(|(first, _)| *first == place) {
            read.extend([keyword(span, "UNNEST"), at(span, Token::LParen)]);
        }
        read.push(token);
        if wrapped.iter().any(|(_, last)| *last == place) {
            read.push(at(span, Token::RParen));
        }
    }
    read
}
