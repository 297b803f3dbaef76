//! What follows a name and belongs to it: a number, as in "password1", or where the secret is used, as in
//! "DB_PASSWORD_PROD".

use std::ops::Range;

use crate::labels::{Class, Label};
use crate::text::Text;

/// The longest word after a name.
const WORD: usize = 24;

/// The most words after a name.
const WORDS: usize = 3;

/// Words after a name that say where its secret is used.
const USES: &str = "prod production dev development staging stage stg test testing qa uat ci local live sandbox preview \
    demo old new prev previous current next backup main master primary secondary root admin user app web api db \
    database ro rw read write readonly readwrite";

/// Words, without the s of a plural, after a name that make it the name of something else: a setting, a text or a file.
const OTHERS: &str = "hash hashes hashed hasher type id name length len size min max minimum maximum policy \
    policies rule file filename path dir url uri reset field input label hint placeholder expiry expire expired \
    expiration at ttl age days date time timeout lifetime validity count counter limit budget usage used quota cost \
    price format regex pattern strength score manager prompt required optional enabled disabled allowed changed \
    change updated update created create version algorithm algo alg salt digest checksum fingerprint sha md5 ref \
    arn store storage provider class column col table error message msg valid invalid is has status state rotation \
    env var variable command cmd method mode scope index prefix suffix list set source page endpoint address host \
    port username group title text description desc info help icon visible visibility toggle show hide check \
    checker validator validation verify verified verification history encoder encoding generator generate service \
    helper util view form dialog modal screen button link email mail protected based less free only auth \
    authentication grant response request header param parameter location signing signed issuer audience rate ratio \
    threshold percentage percent criteria style color colour background theme tokenizer";

/// The end of a name with what belongs to it.
pub fn name_end(text: &Text, label: &Label) -> usize {
    let numbered = after_number(text, label.end);
    if !label.class.meets(Class::SECRET) {
        return numbered;
    }
    // "pass" is also the opposite of "fail".
    let pass = label.end - label.start == 4 && text.folded.has(label.start, "pass");
    let mut end = numbered;
    for _ in 0..WORDS {
        match word(text, end) {
            Some((mark, word)) => {
                let place: String = text.folded.units(word.clone()).iter().collect();
                let place = place.to_ascii_lowercase();
                let used = contains(USES, &place);
                let one = place.strip_suffix('s').unwrap_or(&place);
                let other = contains(OTHERS, &place) || contains(OTHERS, one);
                let open = mark == Some('_') && !pass && !other;
                if !used && !open {
                    return label.end;
                }
                end = word.end;
            }
            None => break,
        }
    }
    end
}

/// The end of a name with the brackets of a form field before its value: `user[password]=`, `password[]=`.
pub fn field_end(text: &Text, end: usize) -> usize {
    let mut at = end;
    for bracket in ["]", "%5d", "[]", "%5b%5d"] {
        if text.folded.has(at, bracket) {
            at += bracket.len();
        }
    }
    if text.at(at) == '=' { at } else { end }
}

/// Whether a word says where a secret is used.
pub fn is_use(word: &str) -> bool {
    contains(USES, word)
}

/// Whether a word after a name makes it the name of something else: "the password's length".
pub fn is_other(word: &str) -> bool {
    contains(OTHERS, word)
}

fn contains(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|known| known == word)
}

/// The next word of a name: after a dash or an underscore, or from a capital after a small letter.
fn word(text: &Text, end: usize) -> Option<(Option<char>, Range<usize>)> {
    let first = text.at(end);
    let marked = matches!(first, '_' | '-');
    let camel = first.is_ascii_uppercase() && !text.before(end).is_ascii_uppercase();
    let start = end + usize::from(marked);
    let length = (start..start + WORD)
        .take_while(|&unit| {
            let letter = text.at(unit);
            letter.is_ascii_alphanumeric()
                && (!camel || unit == start || !letter.is_ascii_uppercase())
        })
        .count();
    ((marked || camel) && (1..WORD).contains(&length))
        .then_some((marked.then_some(first), start..start + length))
}

/// The end of a number of up to three digits after a name: "password1", "Signature-256".
fn after_number(text: &Text, end: usize) -> usize {
    let first = end + usize::from(matches!(text.at(end), '-' | '_'));
    let digits = (first..first + 4).take_while(|&unit| text.at(unit).is_ascii_digit());
    match digits.count() {
        count @ 1..=3 => first + count,
        _ => end,
    }
}
