//! The recall, the false positives and the cost of the masker: `cargo bench -p tests --bench mask`. The sentences
//! are those of the tests of masking.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use masking::{Known, Masker, Placeholders, ROUNDS};
use platform::work::SHORT;
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;

use forms::Form;
use generate::Random;
use judge::{Sentence, false_positives, macro_recall, recall};

#[path = "../../shared/masking/tests/adversarial.rs"]
mod adversarial;
#[path = "../../shared/masking/tests/clean.rs"]
mod clean;
#[path = "../../shared/masking/tests/forms.rs"]
mod forms;
#[path = "../../shared/masking/tests/generate.rs"]
mod generate;
#[path = "../../shared/masking/tests/held_out.rs"]
mod held_out;
#[path = "../../shared/masking/tests/held_out_chat.rs"]
mod held_out_chat;
#[path = "../../shared/masking/tests/held_out_clean.rs"]
mod held_out_clean;
#[path = "../../shared/masking/tests/held_out_code.rs"]
mod held_out_code;
#[path = "../../shared/masking/tests/held_out_code_clean.rs"]
mod held_out_code_clean;
#[path = "../../shared/masking/tests/held_out_contact.rs"]
mod held_out_contact;
#[path = "../../shared/masking/tests/held_out_countries.rs"]
mod held_out_countries;
#[path = "../../shared/masking/tests/judge.rs"]
mod judge;

/// The length of a message, in characters.
const MESSAGE: usize = 200;
/// The maximum size of a text and of the metadata of a message, in bytes.
const LONGEST_TEXT: usize = 256 * 1024;
const LONGEST_METADATA: usize = 64 * 1024;
/// The maximum factor by which the time may grow if the text is twice as long.
const MAX_FACTOR: f64 = 2.2;
/// How often a measurement above that is repeated, since other work on the machine only adds time.
const TRIES: usize = 20;

fn main() {
    let masker = Masker::default();
    println!("| form | found, % of 100 | the first missed |\n| --- | --- | --- |");
    let usual = found(&masker, forms::FORMS, forms::sentence);
    let other = found(&masker, held_out::FORMS, held_out::sentence);
    let code = found(&masker, held_out_code::FORMS, held_out_code::sentence);
    let countries = found(&masker, held_out_countries::FORMS, held_out_code::sentence);
    println!();
    println!("| what | measured | target |\n| --- | --- | --- |");
    println!(
        "| macro recall, {} usual forms | {usual:.2} % | >= 98 % |",
        forms::FORMS.len()
    );
    println!(
        "| macro recall, {} other forms | {other:.2} % | >= 98 % |",
        held_out::FORMS.len()
    );
    println!(
        "| macro recall, {} forms of code | {code:.2} % | >= 98 % |",
        held_out_code::FORMS.len()
    );
    println!(
        "| macro recall, {} forms of other countries | {countries:.2} % | >= 98 % |",
        held_out_countries::FORMS.len()
    );
    for (name, sentences) in [
        ("chat messages with secrets", held_out_chat::secrets()),
        ("requests to call a number", held_out_contact::numbers()),
    ] {
        let found = sentences.iter().filter(|sentence| {
            let masked = judge::masked(&masker, &sentence.text());
            judge::covered(sentence, &masked)
        });
        let percent = found.count() as f64 / sentences.len() as f64 * 100.0;
        println!("| {} {name} | {percent:.2} % | >= 98 % |", sentences.len());
    }
    for (name, sentences) in [
        ("", clean::sentences(2000, 1)),
        ("other ", held_out_clean::sentences(2000, 2)),
        ("code: ", held_out_code_clean::sentences(2000, 3)),
        ("chat: ", held_out_chat::sentences()),
        ("contact: ", held_out_contact::sentences()),
    ] {
        let touched = false_positives(&masker, &sentences).len() as f64;
        let percent = touched / sentences.len() as f64 * 100.0;
        println!(
            "| {name}clean sentences touched, of {} | {percent:.2} % | <= 1 % |",
            sentences.len()
        );
    }
    let clean = messages(clean::sentences(2000, 3));
    let mut random = Random::new(4);
    let secret = forms::FORMS.iter().cycle().take(2000);
    let secret = messages(
        secret
            .map(|form| forms::sentence(form, &mut random).text())
            .collect(),
    );
    let mut mixed = clean.clone();
    mixed.extend(secret.iter().take(clean.len() / 4).cloned());
    for (name, messages) in [
        ("clean messages", &clean),
        ("one message in five with secrets", &mixed),
        ("messages of nothing but secrets", &secret),
    ] {
        let cost = microseconds(&masker, messages);
        println!("| {MESSAGE} characters, {name} | {cost:.2} us | <= 10 us |");
    }
    for length in [1 << 18, 1 << 20] {
        let mut long = String::new();
        for message in clean.iter().cycle() {
            if long.len() + message.len() >= length {
                break;
            }
            long.push_str(message);
            long.push('\n');
        }
        let cost = microseconds(&masker, &[long]) / 1000.0;
        println!(
            "| {} KB in one text | {cost:.1} ms | linear |",
            length >> 10
        );
    }
    threads(&masker, &clean);
    hard_texts(&masker);
}

/// The cost of switching to another thread, and of masking the longest text that is masked without a switch.
fn threads(masker: &Masker, clean: &[String]) {
    let mut short = clean.concat();
    short.truncate(short.floor_char_boundary(SHORT));
    let cost = microseconds(masker, &[short]);
    println!("| {} KiB in one text | {cost:.1} us | |", SHORT >> 10);
    let texts = adversarial::texts().into_iter();
    let texts: Vec<String> = texts.map(|hard| hard.text(SHORT)).collect();
    let mut costs: Vec<f64> = texts
        .iter()
        .map(|text| {
            let times = (0..TRIES).map(|_| masked(masker, text).0);
            times.fold(f64::INFINITY, f64::min) * 1e3
        })
        .collect();
    costs.sort_by(f64::total_cmp);
    let (middle, most) = (costs[costs.len() / 2], costs[costs.len() - 1]);
    let hard = format!("{} KiB in one hard text", SHORT >> 10);
    println!("| {hard}, median of {} | {middle:.1} us | |", costs.len());
    println!("| {hard}, the hardest | {most:.1} us | |");
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime");
    const HOPS: u32 = 10_000;
    let start = Instant::now();
    runtime.block_on(async {
        for _ in 0..HOPS {
            let hop = tokio::task::spawn_blocking(|| ()).await;
            hop.expect("an empty task");
        }
    });
    let hop = start.elapsed().as_secs_f64() * 1e6 / f64::from(HOPS);
    println!("| to another thread and back | {hop:.1} us | |");
}

/// The slowest text of each scanner, and every text whose time grows faster than its length.
fn hard_texts(masker: &Masker) {
    println!("\n| hard text | 256 KiB | of 128 KiB | of |\n| --- | --- | --- | --- |");
    let mut hardest: BTreeMap<String, (f64, f64, String)> = BTreeMap::new();
    let mut steepest: f64 = 0.0;
    let mut add = |name: String, parts: String, (time, factor): (f64, f64)| {
        steepest = steepest.max(factor);
        if factor > MAX_FACTOR {
            println!("| {name}, TOO STEEP | {time:.1} ms | x {factor:.2} | `{parts}` |");
        }
        let known = hardest.entry(name).or_default();
        if time > known.0 {
            *known = (time, factor, parts);
        }
    };
    let texts = adversarial::texts();
    let count = texts.len();
    for hard in texts {
        let factor = doubled(LONGEST_TEXT, &|bytes| {
            let text = hard.text(bytes);
            Box::new(move || masked(masker, &text))
        });
        add(hard.name.to_owned(), hard.parts(), factor);
    }
    for (longest, limit) in [(LONGEST_TEXT, "parts"), (LONGEST_METADATA, "metadata")] {
        for (at, (name, _)) in adversarial::values(longest).into_iter().enumerate() {
            let factor = doubled(longest, &|bytes| {
                let value: Value = adversarial::values(bytes).swap_remove(at).1;
                Box::new(move || {
                    let mut value = value.clone();
                    let mask = || masker.json(black_box(&mut value), &mut people());
                    let (time, counts) = milliseconds(mask);
                    (time, counts.expect("masking that settles").scanned())
                })
            });
            let of = format!("JSON, {limit} of {} KiB", longest >> 10);
            add(of, name.to_owned(), factor);
        }
    }
    for (name, (time, factor, parts)) in hardest {
        println!("| {name} | {time:.1} ms | x {factor:.2} | `{parts}` |");
    }
    println!(
        "\nOf {count} texts the steepest takes {steepest:.2} times as long at twice the length."
    );
}

/// The CPU time in ms, and the number of scanned bytes.
type Work<'a> = Box<dyn Fn() -> (f64, usize) + 'a>;

/// The CPU time in ms for a text of this size, and its ratio to a text of half the size. A single byte can change
/// the number of rounds (at most 16), so the ratio is of the time per scanned byte.
fn doubled<'a>(bytes: usize, work: &dyn Fn(usize) -> Work<'a>) -> (f64, f64) {
    let (half, whole) = (work(bytes / 2), work(bytes));
    let (mut short, mut long) = (f64::INFINITY, f64::INFINITY);
    let mut factor = f64::INFINITY;
    for at in 0..TRIES {
        let ((half, half_scanned), (whole, scanned)) = (half(), whole());
        (short, long) = (short.min(half), long.min(whole));
        factor = 2.0 * long / scanned as f64 / (short / half_scanned as f64);
        if at > 1 && factor <= MAX_FACTOR {
            break;
        }
    }
    (long, factor)
}

fn masked(masker: &Masker, text: &str) -> (f64, usize) {
    let (time, masked) = milliseconds(|| masker.text(black_box(text), &mut people()));
    // A text that does not settle was scanned in all rounds.
    let scanned = masked.map_or(ROUNDS * text.len(), |masked| masked.counts.scanned());
    (time, scanned)
}

fn milliseconds<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
    };
    let start = now();
    let done = black_box(work());
    (now() - start, done)
}

fn people() -> Placeholders {
    Placeholders::new(&[7; 32], "conversation", Known::default())
}

fn found(masker: &Masker, forms: &[Form], sentence: fn(&Form, &mut Random) -> Sentence) -> f64 {
    let found = recall(masker, forms, 100, sentence);
    for form in &found {
        let missed = form.missed.as_deref().unwrap_or_default();
        println!("| {} | {:.1} | {missed} |", form.name, form.percent);
    }
    macro_recall(&found)
}

/// Joins sentences to messages of [`MESSAGE`] characters.
fn messages(sentences: Vec<String>) -> Vec<String> {
    let mut messages = Vec::new();
    let mut message = String::new();
    for sentence in sentences {
        message.push_str(&sentence);
        message.push('\n');
        let end = message.char_indices().nth(MESSAGE).map(|(at, _)| at);
        if let Some(end) = end {
            message.truncate(end);
            messages.push(std::mem::take(&mut message));
        }
    }
    messages
}

/// The minimum of several rounds, since other work on the machine only adds time.
fn microseconds(masker: &Masker, messages: &[String]) -> f64 {
    let rounds = 1 + 20_000 / messages.len().max(1_000);
    let round = || {
        let start = Instant::now();
        for message in messages {
            let mut people = people();
            black_box(
                masker
                    .text(black_box(message), &mut people)
                    .expect("short enough"),
            );
        }
        start.elapsed().as_secs_f64() * 1e6 / messages.len() as f64
    };
    (0..rounds).map(|_| round()).fold(f64::INFINITY, f64::min)
}
