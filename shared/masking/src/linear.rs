//! That the work on a text grows with its length and no faster: what is looked at is counted, so that
//! no clock decides.

use std::cell::Cell;

use proptest::prelude::*;
use serde_json::Value;

use super::fold::Run;
use super::international::{Local, is_local};
use super::labels::Dictionary;
use super::policy::Kind;
use super::scan::Taken;
use super::text::{Found, Text};
use super::{Counts, Error, Known, Masker, Placeholders, ROUNDS};

#[path = "../tests/adversarial.rs"]
mod adversarial;

thread_local! {
    static UNITS: Cell<u64> = const { Cell::new(0) };
}

/// In bytes, of a text that is compared with one twice as long.
const SHORT: usize = 1 << 11;
/// A byte of the longer text may be looked at more often by this factor: the ends of a text are looked
/// at less than what is between them.
const MORE: f64 = 1.1;
/// How often a byte may be looked at in one round, whatever the text.
const MOST: f64 = 200.0;

pub fn look(units: usize) {
    UNITS.set(UNITS.get() + units as u64);
}

/// How many units are looked at where `work` is done.
fn looked<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let before = UNITS.get();
    let done = work();
    ((UNITS.get() - before) as f64, done)
}

fn people() -> Placeholders {
    Placeholders::new(&[7; 32], "c", Known::default())
}

/// How often each byte of a text is looked at in each round.
fn looks_per_byte(masker: &Masker, mut text: String) -> f64 {
    let (mut people, mut counts) = (people(), Counts::default());
    let mut looks = 0.0;
    for _ in 0..ROUNDS {
        let (more, next) = looked(|| masker.round(0, &text, &mut people, &mut counts));
        looks += more;
        match next {
            Some(next) => text = next,
            None => break,
        }
    }
    looks / counts.scanned() as f64
}

#[test]
fn twice_the_text_is_twice_the_work_for_each_scanner_and_separator() {
    let masker = Masker::default();
    let mut wrong = Vec::new();
    for hard in adversarial::texts() {
        let short = looks_per_byte(&masker, hard.text(SHORT));
        let long = looks_per_byte(&masker, hard.text(2 * SHORT));
        if long > short * MORE || long > MOST {
            let (name, parts) = (hard.name, hard.parts());
            wrong.push(format!("{name} {parts}: {short:.1} and {long:.1} looks"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn twice_the_json_is_twice_the_work_for_each_shape() {
    let masker = Masker::default();
    let looks = |mut value: Value| {
        let (looks, masked) = looked(|| masker.json(&mut value, &mut people()));
        masked.map(|_| looks)
    };
    let wrong: Vec<String> = adversarial::values(4 * SHORT)
        .into_iter()
        .zip(adversarial::values(8 * SHORT))
        .filter_map(|((name, short), (_, long))| {
            let (short, long) = (looks(short).expect("small"), looks(long).expect("small"));
            (long > 2.0 * short * MORE).then(|| format!("{name}: {short} and {long} looks"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_text_that_does_not_settle_is_refused_after_as_many_rounds_as_there_are() {
    let text = "1  ".repeat(1_000);
    let (looks, masked) = looked(|| Masker::default().text(&text, &mut people()));
    assert_eq!(masked, Err(Error::Unsettled));
    assert!(looks < MOST * text.len() as f64 * ROUNDS as f64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_run_that_is_remembered_ends_where_one_that_is_read_does(
        belong in prop::collection::vec(any::<bool>(), 0..40),
        starts in prop::collection::vec(0_usize..40, 1..40),
    ) {
        let belongs = |unit: usize| belong.get(unit).copied().unwrap_or(false);
        let run = Run::default();
        for start in starts {
            let end = (start..).find(|&unit| !belongs(unit)).expect("all units end");
            prop_assert_eq!(run.end(start, belongs), end);
        }
    }

    #[test]
    fn a_name_that_is_remembered_begins_where_one_that_is_read_does(
        letters in prop::collection::vec(prop::sample::select(vec!['a', '.', '%', '_', '@', '가', '4']), 0..60),
        mut ends in prop::collection::vec(0_usize..60, 1..20),
    ) {
        let text = Text::new(&String::from_iter(&letters), &Dictionary::new());
        ends.sort_unstable();
        let local = Local::default();
        for end in ends.into_iter().filter(|&end| end <= letters.len()) {
            let start = (0..end).rev().find(|&unit| !is_local(letters[unit])).map_or(0, |unit| unit + 1);
            let begins = |&unit: &usize| letters[unit].is_alphanumeric() || letters[unit] == '_';
            prop_assert_eq!(local.start(&text, end), (start..end).find(begins).unwrap_or(end));
        }
    }

    #[test]
    fn what_is_taken_beyond_a_unit_is_the_first_of_all_that_go_on_beyond_it(
        found in prop::collection::vec((0_usize..60, 0_usize..20), 0..20),
        mut units in prop::collection::vec(0_usize..80, 1..20),
    ) {
        let found = found.into_iter().map(|(start, length)| {
            Found { kind: Kind::Phone, start, end: start + length }
        });
        let found: Vec<Found> = found.collect();
        units.sort_unstable();
        let mut taken = Taken::of(&found);
        for unit in units {
            let beyond = found.iter().filter(|found| found.end > unit);
            let first = beyond.map(|found| (found.start, found.end)).min();
            prop_assert_eq!(taken.first_beyond(unit), first);
        }
    }
}
