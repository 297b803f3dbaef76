//! The pass over a text: which scanner looks where.

use std::iter::Peekable;
use std::ops::Range;
use std::vec;

use super::digits::{self, Number};
use super::labels::Class;
use super::policy::Kind;
use super::text::{Found, Text};
use super::{address, card, international, korean, phone, registration, secrets};

pub fn scan(text: &mut Text) {
    let mut at = 0;
    // Behind these, figures, spelled digits and tokens were looked at already.
    let (mut figures, mut spelled, mut token) = (0, 0, 0);
    let mut groups = Vec::new();
    while at < text.folded.len() {
        match text.at(at) {
            '0'..='9' if at >= figures => figures = number_groups(text, at, &mut groups),
            'A'..='Z' | 'a'..='z' if at >= token && !text.before(at).is_ascii_alphanumeric() => {
                token = word(text, at);
            }
            '@' => {
                // What ends here in a URL is a password, and what follows its host.
                let last = text.found_since(text.found().saturating_sub(4));
                let in_url = last.iter().any(|found| found.end == at);
                if !in_url {
                    found(text, Kind::Email, international::email(text, at..at + 1));
                }
            }
            // For those who hide from machines.
            '(' | '[' if text.folded.has(at + 1, "at") && matches!(text.at(at + 3), ')' | ']') => {
                found(text, Kind::Email, international::email(text, at..at + 4));
            }
            '골' if text.folded.has(at, "골뱅이") => {
                found(text, Kind::Email, international::email(text, at..at + 3));
            }
            '%' if text.folded.has(at, "%40") => {
                found(text, Kind::Email, international::email(text, at..at + 3));
            }
            ':' => {
                found(text, Kind::Secret, secrets::in_url(text, at));
                found(text, Kind::Ip, international::ipv6(text, at));
            }
            '-' if at >= token && text.before(at) != '-' => {
                let key = secrets::private_key(text, at);
                token = key.as_ref().map_or(token, |key| key.end);
                found(text, Kind::Secret, key);
            }
            '공'..='힣' | '一'..='龥' if at >= spelled && digits::value(text.at(at)).is_some() =>
            {
                spelled = spelled_number(text, at);
            }
            _ => {}
        }
        at += 1;
    }
    let mut value = 0;
    for place in 0..text.labels.len() {
        let label = text.labels[place];
        // A name within the value of another is part of it.
        if label.class.meets(Class::SECRET) && label.start >= value {
            let named = secrets::named(text, &label);
            value = named.as_ref().map_or(value, |named| named.end);
            found(text, Kind::Secret, named);
        }
    }
}

fn found(text: &mut Text, kind: Kind, units: Option<Range<usize>>) {
    if let Some(units) = units {
        text.add(kind, units);
    }
}

/// A Latin word; where what was found with it ends.
fn word(text: &mut Text, start: usize) -> usize {
    let token = secrets::token(text, start);
    let end = token.as_ref().map_or(start, |token| token.end);
    found(text, Kind::Secret, token);
    found(text, Kind::Iban, international::iban(text, start));
    end
}

/// Groups of figures that belong together; where the last of them ends.
fn number_groups(text: &mut Text, start: usize, groups: &mut Vec<Range<usize>>) -> usize {
    digits::groups(text, start, groups);
    let before = text.found();
    for (place, group) in groups.iter().enumerate() {
        figures(text, groups, place);
        found(text, Kind::Address, address::address(text, group));
        if let Some(kind) = registration::half(text, group) {
            text.add(kind, group.clone());
        }
        found(text, Kind::Plate, korean::plate(text, group));
        found(text, Kind::Passport, korean::passport(text, group));
        found(text, Kind::Secret, secrets::bot_token(text, group));
    }
    accounts(text, groups, before);
    groups.last().map_or(start + 1, |last| last.end)
}

/// A bank's numbers have any form: only what is nothing else can be one, or what goes on longer.
fn accounts(text: &mut Text, groups: &[Range<usize>], before: usize) {
    let mut taken = Taken::of(text.found_since(before));
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

/// What was found among some groups, for one walk over them.
pub(super) struct Taken(Peekable<vec::IntoIter<(usize, usize)>>);

impl Taken {
    pub(super) fn of(found: &[Found]) -> Self {
        let found = found.iter().map(|found| (found.start, found.end));
        let mut found: Vec<_> = found.collect();
        found.sort_unstable();
        Self(found.into_iter().peekable())
    }

    /// The start and end of the first that goes on beyond a unit, which is never before the last one
    /// asked for: what ends before it is of no use any more.
    pub(super) fn first_beyond(&mut self, unit: usize) -> Option<(usize, usize)> {
        while self.0.next_if(|&(_, end)| end <= unit).is_some() {}
        self.0.peek().copied()
    }
}

fn figures(text: &mut Text, groups: &[Range<usize>], place: usize) {
    found(text, Kind::Ip, international::ipv4(text, &groups[place..]));
    let first = groups[place].start;
    // The shortest number is 1588-1234, and most groups stand alone.
    if groups.last().is_none_or(|last| last.end - first < 8) {
        return;
    }
    let number = Number::new(text, groups, place);
    if number.length < 8 {
        return;
    }
    one_number(text, &number);
    if international::ssn(text, &number) {
        text.add(Kind::Ssn, number.units(9));
    }
}

fn one_number(text: &mut Text, number: &Number) -> bool {
    let before = text.found();
    if let Some(kind) = registration::registration(text, number) {
        text.add(kind, number.units(13));
    }
    found(text, Kind::Phone, phone::phone(text, number));
    if number.length >= 13
        && let Some(length) = card::card(text, number)
    {
        text.add(Kind::Card, number.units(length));
    }
    if let Some((kind, units)) = korean::number(text, number) {
        text.add(kind, units);
    }
    text.found() > before
}

/// A number that is read out; where it ends.
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
