//! Decides whether a sentence is masked correctly.

use masking::{Kind, Known, Masker, Placeholders};

use crate::forms::Form;
use crate::generate::Random;

/// A sentence with a secret between its two ends.
pub struct Sentence {
    pub before: String,
    pub secret: String,
    pub after: String,
}

impl Sentence {
    /// A sentence with its secret in brackets: "call ⟨07700 900123⟩ now".
    pub fn marked(text: &str) -> Self {
        let (before, rest) = text.split_once('⟨').expect("the start of a secret");
        let (secret, after) = rest.split_once('⟩').expect("the end of a secret");
        Self {
            before: before.to_owned(),
            secret: secret.to_owned(),
            after: after.to_owned(),
        }
    }

    pub fn text(&self) -> String {
        format!("{}{}{}", self.before, self.secret, self.after)
    }
}

pub fn masked(masker: &Masker, text: &str) -> String {
    let mut people = Placeholders::new(&[7; 32], "c", Known::default());
    let masked = masker
        .text(text, &mut people)
        .expect("a sentence is short and simple");
    masked.text
}

/// Whether no letter or digit of the secret is left: the common start and end of the text and the masked text don't
/// reach into the secret, and between them only placeholders have letters.
pub fn covered(sentence: &Sentence, masked: &str) -> bool {
    let text = sentence.text();
    let same = |(a, b): &(char, char)| a == b;
    let head: usize = text
        .chars()
        .zip(masked.chars())
        .take_while(same)
        .map(|(a, _)| a.len_utf8())
        .sum();
    let tails = text.chars().rev().zip(masked.chars().rev());
    let tail: usize = tails.take_while(same).map(|(a, _)| a.len_utf8()).sum();
    // A punctuation mark at the edge of the secret may stay.
    let edge = |text: &str| !text.chars().any(char::is_alphanumeric);
    let start = sentence.before.len();
    let end = start + sentence.secret.len();
    let head_is_outside = head <= start || edge(&text[start..head.min(end)]);
    let tail_start = text.len() - tail.min(text.len() - head);
    let tail_is_outside = tail_start >= end || edge(&text[tail_start.max(start)..end]);
    let between = &masked[head..masked.len() - tail.min(masked.len() - head)];
    head_is_outside && tail_is_outside && edge(&without_placeholders(between, &masked[..head]))
}

fn without_placeholders(text: &str, before: &str) -> String {
    // The common start may include the first letters of a placeholder.
    let opened = before.rfind('[').filter(|&at| !before[at..].contains(']'));
    let mut rest = format!("{}{text}", opened.map_or("", |at| &before[at..]));
    for kind in Kind::ALL {
        let label = format!("[{}", kind.label());
        while let Some(at) = rest.find(&label) {
            let end = rest[at..].find(']').map_or(rest.len(), |end| at + end + 1);
            rest.replace_range(at..end, "");
        }
    }
    rest
}

/// The number of sentences of a form that are masked correctly, and the first that is not.
pub struct Recall {
    pub name: &'static str,
    pub percent: f64,
    pub missed: Option<String>,
}

pub fn recall(
    masker: &Masker,
    forms: &[Form],
    count: usize,
    sentence: fn(&Form, &mut Random) -> Sentence,
) -> Vec<Recall> {
    let mut random = Random::new(20_261_017);
    let of = |form: &Form| {
        let mut hits = 0_usize;
        let mut missed = None;
        for _ in 0..count {
            let sentence = sentence(form, &mut random);
            let masked = masked(masker, &sentence.text());
            if covered(&sentence, &masked) {
                hits += 1;
            } else {
                missed.get_or_insert_with(|| format!("{:?} -> {masked:?}", sentence.text()));
            }
        }
        Recall {
            name: form.name,
            percent: hits as f64 / count as f64 * 100.0,
            missed,
        }
    };
    forms.iter().map(of).collect()
}

pub fn macro_recall(forms: &[Recall]) -> f64 {
    forms.iter().map(|form| form.percent).sum::<f64>() / forms.len() as f64
}

/// The sentences without personal data that masking changes, with the result.
pub fn false_positives(masker: &Masker, sentences: &[String]) -> Vec<(String, String)> {
    let masked = sentences
        .iter()
        .map(|text| (text.clone(), masked(masker, text)));
    masked.filter(|(text, masked)| text != masked).collect()
}
