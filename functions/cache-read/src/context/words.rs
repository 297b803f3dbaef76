//! Words: what a question and an identifier have in common.
//!
//! An identifier is taken apart at signs, capitals and digits, and kept whole as well; plurals are
//! brought to the singular; a run of Korean, Chinese or Japanese gives its pairs of characters,
//! which need no dictionary and no spaces.

/// The words of an identifier or a text, in its order, a word as often as it stands there.
pub fn of(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let signs = |character: char| !character.is_alphanumeric();
    for chunk in text.split(signs).filter(|chunk| !chunk.is_empty()) {
        if chunk.is_ascii() {
            ascii(chunk, &mut words);
        } else {
            mixed(chunk, &mut words);
        }
    }
    words
}

/// The words of a question: those of [`of`] that carry meaning, and neighbours written as one
/// (`bike share` for `bikeshare`); each once, with how much it counts.
pub fn of_question(question: &str) -> Vec<(String, f32)> {
    let mut weighted: Vec<(String, f32)> = Vec::new();
    let mut add = |word: String, weight: f32| match weighted.iter_mut().find(|(w, _)| *w == word) {
        // What is said again matters more, but not twice as much.
        Some((_, known)) => *known = (*known + 0.25 * weight).min(1.5 * weight.max(*known)),
        None => weighted.push((word, weight)),
    };
    let mut before: Option<String> = None;
    for chunk in question.split(|character: char| !character.is_alphanumeric()) {
        if chunk.is_empty() {
            continue;
        }
        for word in of(chunk) {
            if !is_empty_word(&word) {
                add(word, 1.0);
            }
        }
        let lower = chunk.to_lowercase();
        let plain = chunk.is_ascii() && !is_empty_word(&stem(&lower));
        if let Some(before) = before.filter(|_| plain)
            && before.len() + lower.len() <= LONGEST_COMPOUND
        {
            add(stem(&format!("{before}{lower}")), 1.0);
        }
        before = plain.then_some(lower);
    }
    weighted.truncate(MOST_WORDS);
    weighted
}

/// Whether the word is of a script that is cut into pairs.
pub fn is_pair(word: &str) -> bool {
    word.chars().next().is_some_and(is_dense)
}

const LONGEST_COMPOUND: usize = 24;
/// Of a question: what comes after is not looked for.
const MOST_WORDS: usize = 400;

fn ascii(chunk: &str, words: &mut Vec<String>) {
    let bytes = chunk.as_bytes();
    let mut start = 0;
    let mut parts: Vec<&str> = Vec::new();
    for at in 1..bytes.len() {
        let (left, right) = (bytes[at - 1], bytes[at]);
        let next_is_lower = bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
        let cut = left.is_ascii_digit() != right.is_ascii_digit()
            || left.is_ascii_lowercase() && right.is_ascii_uppercase()
            || left.is_ascii_uppercase() && right.is_ascii_uppercase() && next_is_lower;
        if cut {
            parts.push(&chunk[start..at]);
            start = at;
        }
    }
    parts.push(&chunk[start..]);
    if parts.len() > 1 {
        words.push(stem(&chunk.to_ascii_lowercase()));
    }
    for part in parts {
        let word = stem(&part.to_ascii_lowercase());
        if let Some(long) = written_out(&word) {
            words.push(long.to_owned());
        }
        words.push(word);
    }
}

fn mixed(chunk: &str, words: &mut Vec<String>) {
    let characters: Vec<char> = chunk.to_lowercase().chars().collect();
    for run in characters.chunk_by(|a, b| is_dense(*a) == is_dense(*b)) {
        if !run.first().copied().is_some_and(is_dense) {
            let run: String = run.iter().collect();
            if run.is_ascii() {
                ascii(&run, words);
            } else {
                words.push(run);
            }
        } else if run.len() == 1 {
            words.extend(run.iter().map(char::to_string));
        } else {
            words.extend(run.windows(2).map(|pair| pair.iter().collect()));
        }
    }
}

fn is_dense(character: char) -> bool {
    matches!(character,
        '\u{1100}'..='\u{11ff}' | '\u{3040}'..='\u{30ff}' | '\u{3130}'..='\u{318f}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

/// The singular, as far as English spelling tells it.
fn stem(word: &str) -> String {
    let length = word.len();
    if length < 4 || !word.is_ascii() || !word.ends_with('s') {
        return word.to_owned();
    }
    if word.ends_with("ies") && length > 4 {
        return format!("{}y", &word[..length - 3]);
    }
    if ["sses", "ches", "shes", "xes", "zes"]
        .iter()
        .any(|end| word.ends_with(end))
    {
        return word[..length - 2].to_owned();
    }
    if ["ss", "us", "is"].iter().any(|end| word.ends_with(end)) {
        return word.to_owned();
    }
    word[..length - 1].to_owned()
}

/// What short forms in column names stand for.
fn written_out(word: &str) -> Option<&'static str> {
    Some(match word {
        "addr" => "address",
        "amt" => "amount",
        "avg" => "average",
        "cat" => "category",
        "cd" => "code",
        "cnt" => "count",
        "ctry" => "country",
        "cust" => "customer",
        "desc" | "descr" => "description",
        "dob" => "birth",
        "dt" => "date",
        "emp" => "employee",
        "lang" => "language",
        "lat" => "latitude",
        "lng" | "lon" => "longitude",
        "loc" => "location",
        "max" => "maximum",
        "min" => "minimum",
        "msg" => "message",
        "no" | "num" | "nbr" => "number",
        "org" => "organization",
        "pct" => "percent",
        "pop" => "population",
        "prcp" => "precipitation",
        "qty" => "quantity",
        "temp" => "temperature",
        "ts" => "timestamp",
        "txn" => "transaction",
        "yr" => "year",
        _ => return None,
    })
}

/// Words that say how a question is put and not what it is about; singular, sorted.
fn is_empty_word(word: &str) -> bool {
    (word.len() == 1 && !word.as_bytes()[0].is_ascii_digit() && word.is_ascii())
        || EMPTY.binary_search(&word).is_ok()
}

#[rustfmt::skip]
const EMPTY: [&str; 139] = [
    "about", "above", "across", "additionally", "after", "again", "all", "along", "also", "among",
    "an", "and", "any", "are", "as", "at", "be", "been", "before", "being", "below", "between",
    "both", "but", "by", "calculate", "can", "consider", "considering", "could", "determine", "did",
    "do", "doe", "doing", "during", "each", "ensure", "every", "exclude", "excluding", "find",
    "following", "for", "from", "get", "give", "given", "had", "has", "have", "having", "her",
    "here", "hi", "him", "how", "identify", "if", "in", "include", "included", "including", "into",
    "is", "it", "just", "know", "least", "let", "like", "list", "make", "many", "may", "me", "more",
    "most", "much", "must", "my", "need", "no", "not", "of", "on", "one", "only", "or", "other",
    "our", "out", "over", "per", "please", "provide", "respectively", "retrieve", "return", "same",
    "she", "should", "show", "so", "some", "such", "tell", "than", "that", "the", "their", "them",
    "then", "there", "these", "they", "thi", "this", "those", "through", "to", "under", "up", "us",
    "use", "using", "want", "was", "we", "were", "what", "when", "where", "which", "while", "who",
    "whose", "with", "within",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_words_are_sorted_and_each_there_once() {
        assert!(EMPTY.is_sorted_by(|a, b| a < b), "{EMPTY:?}");
    }

    #[test]
    fn an_identifier_is_taken_apart_and_kept_whole() {
        assert_eq!(
            of("visitStartTime"),
            ["visitstarttime", "visit", "start", "time"]
        );
        assert_eq!(of("HTTPStatus"), ["httpstatus", "http", "status"]);
        assert_eq!(of("id_provenance_r5"), ["id", "provenance", "r5", "r", "5"]);
        assert_eq!(of("order_qty"), ["order", "quantity", "qty"]);
    }

    #[test]
    fn plurals_and_singulars_are_one_word() {
        for (plural, singular) in [("cities", "city"), ("boxes", "box"), ("trips", "trip")] {
            assert_eq!(of(plural), of(singular));
        }
        for word in ["class", "status", "analysis", "gas"] {
            assert_eq!(of(word), [word]);
        }
    }

    #[test]
    fn korean_gives_pairs_of_characters() {
        assert_eq!(
            of("주문날짜는 2021년"),
            ["주문", "문날", "날짜", "짜는", "2021", "년"]
        );
    }

    #[test]
    fn neighbours_in_a_question_are_one_word_too() {
        let words: Vec<String> = of_question("the bike shares")
            .into_iter()
            .map(|(word, _)| word)
            .collect();
        assert_eq!(words, ["bike", "share", "bikeshare"]);
    }
}
