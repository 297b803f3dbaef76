//! How many secrets of each form are masked, and that other sentences stay unchanged. `cargo bench -p tests --bench mask`
//! prints the numbers.

use masking::Masker;

use crate::judge::{Recall, Sentence, covered, false_positives, macro_recall, masked, recall};
use crate::{
    clean, forms, held_out, held_out_chat, held_out_clean, held_out_code, held_out_code_clean,
    held_out_contact, held_out_countries,
};

/// The least recall of a single form, in percent; the mean must be higher.
const LEAST: f64 = 90.0;

fn assert_found(found: &[Recall]) {
    let missed: Vec<String> = found
        .iter()
        .filter_map(|form| {
            form.missed
                .as_ref()
                .map(|missed| format!("{:5.1} {}: {missed}", form.percent, form.name))
        })
        .collect();
    let mean = macro_recall(found);
    println!("macro recall {mean:.2}\n{}", missed.join("\n"));
    assert!(
        mean >= 98.0,
        "macro recall {mean:.2}\n{}",
        missed.join("\n")
    );
    assert!(
        found.iter().all(|form| form.percent >= LEAST),
        "{}",
        missed.join("\n")
    );
}

fn assert_untouched(sentences: &[String]) {
    let touched = false_positives(&Masker::default(), sentences);
    let percent = touched.len() as f64 / sentences.len() as f64 * 100.0;
    println!("{percent:.2} % false positives: {touched:#?}");
    assert!(percent <= 1.0, "{percent:.2} %: {touched:#?}");
}

#[test]
fn secrets_in_their_usual_forms_are_masked() {
    assert_found(&recall(
        &Masker::default(),
        forms::FORMS,
        100,
        forms::sentence,
    ));
}

#[test]
fn secrets_in_other_spellings_and_contexts_are_masked() {
    assert_found(&recall(
        &Masker::default(),
        held_out::FORMS,
        100,
        held_out::sentence,
    ));
}

#[test]
fn secrets_in_code_commands_and_headers_are_masked() {
    assert_found(&recall(
        &Masker::default(),
        held_out_code::FORMS,
        100,
        held_out_code::sentence,
    ));
}

#[test]
fn numbers_and_addresses_of_other_countries_are_masked() {
    assert_found(&recall(
        &Masker::default(),
        held_out_countries::FORMS,
        100,
        held_out_code::sentence,
    ));
}

#[test]
fn sentences_without_personal_data_stay_unchanged() {
    assert_untouched(&clean::sentences(2000, 1));
}

#[test]
fn other_sentences_without_personal_data_stay_unchanged() {
    assert_untouched(&held_out_clean::sentences(2000, 2));
}

#[test]
fn code_logs_and_settings_without_personal_data_stay_unchanged() {
    assert_untouched(&held_out_code_clean::sentences(2000, 3));
}

/// At least 98 % of the values must be masked.
fn assert_covered(sentences: &[Sentence]) {
    let masker = Masker::default();
    let missed: Vec<String> = sentences
        .iter()
        .map(|sentence| (sentence, masked(&masker, &sentence.text())))
        .filter(|(sentence, masked)| !covered(sentence, masked))
        .map(|(sentence, masked)| format!("{:?} -> {masked:?}", sentence.text()))
        .collect();
    let percent = 100.0 - missed.len() as f64 / sentences.len() as f64 * 100.0;
    println!("{percent:.1} % of {}: {missed:#?}", sentences.len());
    assert!(percent >= 98.0, "{percent:.1} %: {missed:#?}");
}

#[test]
fn values_in_chats_are_masked() {
    assert_covered(&held_out_chat::secrets());
}

#[test]
fn talk_in_chats_stays_unchanged() {
    assert_untouched(&held_out_chat::sentences());
}

#[test]
fn numbers_in_requests_to_call_are_masked() {
    assert_covered(&held_out_contact::numbers());
}

#[test]
fn other_numbers_after_similar_words_stay_unchanged() {
    assert_untouched(&held_out_contact::sentences());
}
