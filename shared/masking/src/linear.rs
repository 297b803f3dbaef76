//! Checks that the work grows linearly with the length of the text. The tests count the units that are read, so that
//! the result doesn't depend on a clock.

use std::cell::Cell;

use proptest::prelude::*;
use serde_json::Value;

use super::fold::Run;
use super::local_part::{LocalPart, is_local};
use super::policy::Kind;
use super::scan::Spans;
use super::text::{Match, Text};
use super::{Counts, DICTIONARY, Error, Known, Masker, Placeholders, ROUNDS};

#[path = "../tests/adversarial.rs"]
mod adversarial;

thread_local! {
    static UNITS: Cell<u64> = const { Cell::new(0) };
}

/// The bytes of the shorter of two texts.
const SHORT: usize = 1 << 11;
/// The factor by which the bytes of the longer text may be read more often: the ends of a text are read less often
/// than its middle.
const MAX_GROWTH: f64 = 1.1;
/// How often a byte may be read in one round, in any text.
const MAX_READS: f64 = 200.0;

pub fn look(units: usize) {
    UNITS.set(UNITS.get() + units as u64);
}

/// The number of units that `work` reads.
fn counted<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let before = UNITS.get();
    let done = work();
    ((UNITS.get() - before) as f64, done)
}

fn people() -> Placeholders {
    Placeholders::new(&[7; 32], "c", Known::default())
}

/// How often each byte of a text is read in each round.
fn reads_per_byte(masker: &Masker, mut text: String) -> f64 {
    let (mut people, mut counts) = (people(), Counts::default());
    let mut reads = 0.0;
    for _ in 0..ROUNDS {
        let (more, next) = counted(|| masker.round(0, &text, &mut people, &mut counts));
        reads += more;
        match next {
            Some(next) => text = next,
            None => break,
        }
    }
    reads / counts.scanned() as f64
}

#[test]
fn a_text_of_twice_the_length_is_twice_the_work_for_each_scanner() {
    let masker = Masker::default();
    let mut wrong = Vec::new();
    for hard in adversarial::texts() {
        let short = reads_per_byte(&masker, hard.text(SHORT));
        let long = reads_per_byte(&masker, hard.text(2 * SHORT));
        if long > short * MAX_GROWTH || long > MAX_READS {
            let (name, parts) = (hard.name, hard.parts());
            wrong.push(format!("{name} {parts}: {short:.1} and {long:.1} looks"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn json_of_twice_the_size_is_twice_the_work() {
    let masker = Masker::default();
    let looks = |mut value: Value| {
        let (looks, masked) = counted(|| masker.json(&mut value, &mut people()));
        masked.map(|_| looks)
    };
    let wrong: Vec<String> = adversarial::values(4 * SHORT)
        .into_iter()
        .zip(adversarial::values(8 * SHORT))
        .filter_map(|((name, short), (_, long))| {
            let (short, long) = (looks(short).expect("small"), looks(long).expect("small"));
            (long > 2.0 * short * MAX_GROWTH).then(|| format!("{name}: {short} and {long} looks"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_text_with_matches_after_the_last_round_is_rejected() {
    let text = "1  ".repeat(1_000);
    let (looks, masked) = counted(|| Masker::default().text(&text, &mut people()));
    assert_eq!(masked, Err(Error::Unsettled));
    assert!(looks < MAX_READS * text.len() as f64 * ROUNDS as f64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_remembered_run_ends_where_reading_it_would(
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
    fn a_remembered_local_part_begins_where_reading_it_would(
        letters in prop::collection::vec(prop::sample::select(vec!['a', '.', '%', '_', '@', '가', '4']), 0..60),
        mut ends in prop::collection::vec(0_usize..60, 1..20),
    ) {
        let text = Text::new(&String::from_iter(&letters), &DICTIONARY);
        ends.sort_unstable();
        let local = LocalPart::default();
        for end in ends.into_iter().filter(|&end| end <= letters.len()) {
            let start = (0..end).rev().find(|&unit| !is_local(letters[unit])).map_or(0, |unit| unit + 1);
            let begins = |&unit: &usize| letters[unit].is_alphanumeric() || letters[unit] == '_';
            prop_assert_eq!(local.start(&text.folded, end), (start..end).find(begins).unwrap_or(end));
        }
    }

    #[test]
    fn the_first_span_beyond_a_unit_is_the_first_of_all_that_end_after_it(
        found in prop::collection::vec((0_usize..60, 0_usize..20), 0..20),
        mut units in prop::collection::vec(0_usize..80, 1..20),
    ) {
        let found = found.into_iter().map(|(start, length)| {
            Match { kind: Kind::Phone, start, end: start + length }
        });
        let found: Vec<Match> = found.collect();
        units.sort_unstable();
        let mut taken = Spans::of(&found);
        for unit in units {
            let beyond = found.iter().filter(|found| found.end > unit);
            let first = beyond.map(|found| (found.start, found.end)).min();
            prop_assert_eq!(taken.first_beyond(unit), first);
        }
    }
}
