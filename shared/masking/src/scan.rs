//! The pass over a text: which scanner runs at which unit.

use std::iter::Peekable;
use std::ops::Range;
use std::vec;

use super::digits::{self, Number};
use super::labels::Class;
use super::policy::Kind;
use super::text::{Match, Text};
use super::{address, card, international, korean, phone, registration, secrets};

pub fn scan(text: &mut Text) {
    let mut at = 0;
    // Digits, spelled digits and tokens before these units are scanned already.
    let (mut digits_end, mut spelled_end, mut token_end) = (0, 0, 0);
    let mut groups = Vec::new();
    while at < text.folded.len() {
        let letter = text.at(at);
        if letter.is_ascii_alphanumeric()
            && at >= token_end
            && !text.before(at).is_ascii_alphanumeric()
        {
            token_end = word(text, at);
        }
        match letter {
            '0'..='9' if at >= digits_end => digits_end = number_groups(text, at, &mut groups),
            '@' => {
                // In a URL, the part before is a password and the part after is the host.
                let last = text.matches_after(text.match_count().saturating_sub(4));
                let in_url = last.iter().any(|it| it.end == at);
                let source = secrets::in_source(text, at);
                let is_address = !in_url && source.is_none();
                add(text, Kind::Secret, source);
                if is_address {
                    add(text, Kind::Email, international::email(text, at..at + 1));
                }
            }
            // Spellings that hide addresses from machines.
            '(' | '[' if text.folded.has(at + 1, "at") && matches!(text.at(at + 3), ')' | ']') => {
                add(text, Kind::Email, international::email(text, at..at + 4));
            }
            '골' if text.folded.has(at, "골뱅이") => {
                add(text, Kind::Email, international::email(text, at..at + 3));
            }
            '%' if text.folded.has(at, "%40") => {
                add(text, Kind::Email, international::email(text, at..at + 3));
            }
            ':' => {
                add(text, Kind::Secret, secrets::in_url(text, at));
                add(text, Kind::Ip, international::ipv6(text, at));
            }
            '-' if at >= token_end && text.before(at) != '-' => {
                add(text, Kind::Secret, secrets::in_command(text, at));
                let key = secrets::private_key(text, at);
                token_end = key.as_ref().map_or(token_end, |key| key.end);
                add(text, Kind::Secret, key);
            }
            '공'..='힣' | '一'..='龥'
                if at >= spelled_end && digits::value(text.at(at)).is_some() =>
            {
                spelled_end = spelled_number(text, at);
            }
            _ => {}
        }
        at += 1;
    }
    labels(text);
}

/// Scans the values after the names of secrets.
fn labels(text: &mut Text) {
    // The values and the cookies before these units are read already.
    let (mut value_end, mut cookies_end) = (0, 0);
    for place in 0..text.labels.len() {
        let label = text.labels[place];
        if label.class.is(Class::CODE) && label.start >= value_end {
            add(text, Kind::Secret, secrets::code(text, &label));
        }
        // A label within the value of another label is part of that value.
        if !label.class.meets(Class::SECRET.or(Class::KEY)) || label.start < value_end {
            continue;
        }
        if label.class.is(Class::COOKIE)
            && label.start >= cookies_end
            && let Some((cookies, end)) = secrets::cookies(text, &label)
        {
            cookies_end = end;
            for cookie in cookies {
                text.add(Kind::Secret, cookie);
            }
            continue;
        }
        let named = secrets::named(text, &label);
        value_end = named.as_ref().map_or(value_end, |named| named.end);
        add(text, Kind::Secret, named);
    }
}

fn add(text: &mut Text, kind: Kind, units: Option<Range<usize>>) {
    if let Some(units) = units {
        text.add(kind, units);
    }
}

/// Scans a Latin word. Returns the end of a token that begins with it.
fn word(text: &mut Text, start: usize) -> usize {
    let token = secrets::token(text, start);
    let end = token.as_ref().map_or(start, |token| token.end);
    add(text, Kind::Secret, token);
    let statement = secrets::in_statement(text, start);
    add(text, Kind::Secret, statement);
    let account = secrets::of_account(text, start);
    add(text, Kind::Secret, account);
    add(text, Kind::Iban, international::iban(text, start));
    end
}

/// Scans groups of digits that belong together. Returns the end of the last group.
fn number_groups(text: &mut Text, start: usize, groups: &mut Vec<Range<usize>>) -> usize {
    digits::groups(text, start, groups);
    let before = text.match_count();
    for (place, group) in groups.iter().enumerate() {
        number_at(text, groups, place);
        add(text, Kind::Address, address::address(text, group));
        if let Some(kind) = registration::half(text, group, groups.get(place + 1)) {
            text.add(kind, group.clone());
        }
        add(text, Kind::Plate, korean::plate(text, group));
        add(text, Kind::Passport, korean::passport(text, group));
        add(text, Kind::Secret, secrets::bot_token(text, group));
    }
    accounts(text, groups, before);
    groups.last().map_or(start + 1, |last| last.end)
}

/// Account numbers have any form, so only digits without another match are one, or longer ones.
fn accounts(text: &mut Text, groups: &[Range<usize>], before: usize) {
    let mut taken = Spans::of(text.matches_after(before));
    let mut free = 0;
    for (place, group) in groups.iter().enumerate() {
        let taken = taken.first_beyond(group.start);
        if group.start < free || taken.is_some_and(|(start, _)| start < group.start) {
            continue;
        }
        if groups.last().is_none_or(|last| last.end - group.start < 10) {
            break;
        }
        let number = Number::new(text, groups, place);
        if let Some(length) = korean::account(text, &number) {
            let units = number.units(length);
            if taken.is_none_or(|(start, end)| start >= units.end || end < units.end) {
                free = units.end;
                text.add(Kind::Account, units);
            }
        }
    }
}

/// The spans of matches, for one pass from left to right.
pub(super) struct Spans(Peekable<vec::IntoIter<(usize, usize)>>);

impl Spans {
    pub(super) fn of(matches: &[Match]) -> Self {
        let spans = matches.iter().map(|it| (it.start, it.end));
        let mut spans: Vec<_> = spans.collect();
        spans.sort_unstable();
        Self(spans.into_iter().peekable())
    }

    /// The first span that ends after a unit. Units must not decrease from call to call, since spans that end before are
    /// dropped.
    pub(super) fn first_beyond(&mut self, unit: usize) -> Option<(usize, usize)> {
        while self.0.next_if(|&(_, end)| end <= unit).is_some() {}
        self.0.peek().copied()
    }
}

fn number_at(text: &mut Text, groups: &[Range<usize>], place: usize) {
    add(text, Kind::Ip, international::ipv4(text, &groups[place..]));
    let first = groups[place].start;
    // A fast path: the shortest number has seven digits, and most groups are alone.
    if groups.last().is_none_or(|last| last.end - first < 7) {
        return;
    }
    let number = Number::new(text, groups, place);
    if number.length < 7 {
        return;
    }
    one_number(text, &number);
    if international::ssn(text, &number) {
        text.add(Kind::Ssn, number.units(9));
    }
}

fn one_number(text: &mut Text, number: &Number) -> bool {
    let before = text.match_count();
    if let Some(kind) = registration::registration(text, number) {
        text.add(kind, number.units(13));
    }
    add(text, Kind::Phone, phone::phone(text, number));
    if number.length >= 13
        && let Some(length) = card::card(text, number)
    {
        let length = card::with_expiry(number, length);
        text.add(Kind::Card, number.units(length));
    }
    if let Some((kind, units)) = korean::number(text, number) {
        text.add(kind, units);
    }
    text.match_count() > before
}

/// Scans a number that is spelled out. Returns its end.
fn spelled_number(text: &mut Text, start: usize) -> usize {
    let Some(spelled) = digits::spelled(text, start) else {
        return start;
    };
    let mut any = false;
    for number in spelled.numbers() {
        any |= one_number(text, &number);
    }
    if !any {
        for number in spelled.numbers() {
            if let Some(length) = korean::account(text, &number) {
                text.add(Kind::Account, number.units(length));
                break;
            }
        }
    }
    spelled.end
}
