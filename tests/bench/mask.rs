//! What the masker finds, what it takes for a secret that is none, and what it costs:
//! `cargo bench -p tests --bench mask`. The sentences are those of message-log's own tests.

use std::hint::black_box;
use std::time::Instant;

use message_log::mask::{Known, Masker, Placeholders};

use forms::Form;
use generate::Random;
use judge::{Sentence, false_positives, macro_recall, recall};

#[path = "../../functions/message-log/tests/mask/clean.rs"]
mod clean;
#[path = "../../functions/message-log/tests/mask/forms.rs"]
mod forms;
#[path = "../../functions/message-log/tests/mask/generate.rs"]
mod generate;
#[path = "../../functions/message-log/tests/mask/held_out.rs"]
mod held_out;
#[path = "../../functions/message-log/tests/mask/held_out_clean.rs"]
mod held_out_clean;
#[path = "../../functions/message-log/tests/mask/judge.rs"]
mod judge;

/// What a message of the comparison is long, in characters.
const MESSAGE: usize = 200;

fn main() {
    let masker = Masker::default();
    println!("| form | found, % of 100 | the first missed |\n| --- | --- | --- |");
    let usual = found(&masker, forms::FORMS, forms::sentence);
    let other = found(&masker, held_out::FORMS, held_out::sentence);
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
    for (name, sentences) in [
        ("", clean::sentences(2000, 1)),
        ("other ", held_out_clean::sentences(2000, 2)),
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
}

fn found(masker: &Masker, forms: &[Form], sentence: fn(&Form, &mut Random) -> Sentence) -> f64 {
    let found = recall(masker, forms, 100, sentence);
    for form in &found {
        let missed = form.missed.as_deref().unwrap_or_default();
        println!("| {} | {:.1} | {missed} |", form.name, form.percent);
    }
    macro_recall(&found)
}

/// Sentences put together to messages of some length.
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

/// The best of some rounds, since other work on the machine only ever adds.
fn microseconds(masker: &Masker, messages: &[String]) -> f64 {
    let rounds = 1 + 20_000 / messages.len().max(1_000);
    let round = || {
        let start = Instant::now();
        for message in messages {
            let mut people = Placeholders::new(&[7; 32], "conversation", Known::default());
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
