//! Parts of a sentence that are not identifiers: addresses, quoted values, lists of values, SQL words.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

pub(crate) fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that the tests compile")
}

static ADDRESSES: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?i)\b(?:[a-z][a-z0-9+.-]*://|www\.)[^\s<>`]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
});
static SINGLE_QUOTES: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?:^|[\s(\[,:;=/])('([^'\n]{1,120})')|‘([^’\n]{1,120})’"));
static DOUBLE_QUOTES: LazyLock<Regex> =
    LazyLock::new(|| regex(r#""([^"\n]{1,120})"|“([^”\n]{1,120})”"#));
const COLUMN_WORDS: &str = "(?:columns?|fields?|tables?|views?|attributes?|keys?|datasets?|structs?|\
                            records?|propert(?:y|ies)|identifiers?|컬럼|필드|테이블|열|키|속성)";
static AFTER_COLUMN_WORD: LazyLock<Regex> = LazyLock::new(|| {
    regex(&format!(
        r"(?i){COLUMN_WORDS}(?:\s+(?:named|called))?[\s:(]*$"
    ))
});
static BEFORE_COLUMN_WORD: LazyLock<Regex> =
    LazyLock::new(|| regex(&format!(r"(?i)^\s*{COLUMN_WORDS}")));
/// Phrases that a value follows, in any description.
static VALUES: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?ix)(?:
            \bvalues?\s*(?:,?\s*(?:such\s+as|like|includes?|including|are|is|e\.g\.|for\s+example))?\s*:?
          | \bevents?\s+(?:named|called|such\s+as|like)
          | 값(?:은|이|으로|으로는)?\s*:? | 값\s*예시?\s*:?
        )[\s(]*$",
    )
});
/// Phrases that a value follows in the description of a single column.
static EXAMPLES: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?ix)(?: \be\.?g\.?,? | \bfor\s+(?:example|instance),? | \bsuch\s+as | [,(]\s*like
          | \b(?:one|either|any)\s+of | \bset\s+to | 예시?\s*: | 예를\s*들어,? )[\s:(]*$",
    )
});
static VALUES_AFTER: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^[\s)\]]*(?:같은|등의?|이라는|라는|와\s*같은|과\s*같은)\s*(?:값|이벤트)")
});
static LIST_COMMA: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?i)(?:,\s*(?:and|or)?|[/|]|\s(?:and|or|및|또는|혹은)|[와과])\s*$"));
static LIST_WORD: LazyLock<Regex> = LazyLock::new(|| regex(r"[^\s,;/|]+\s*$"));
static TIME_FORMAT: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^[YMDHSymdhs]+(?:_[YMDHSymdhs]+)*$"));
/// camelCase, but not an abbreviation, a unit or a brand: `iOS`, `kWh`, `macOS`.
static CAMEL: LazyLock<Regex> = LazyLock::new(|| regex(r"^[a-z]{2,}[a-z0-9]*[A-Z][A-Za-z0-9]*$"));

const SQL_WORDS: &str = "all and any array as asc between by case cast count cross current date \
    datetime day desc distinct else end except exists extract false float float64 for from full \
    group having in inner int int64 integer intersect interval is join json jsonb lateral left like \
    limit month not null numeric offset on or order outer over partition record repeated right row \
    rows select set string struct text then time timestamp true union unnest using values when \
    where window with year bool boolean bytes bignumeric geography nullable required uuid varchar \
    bigint smallint double real serial bytea";
const FILE_ENDINGS: &str = "csv tsv json jsonl ndjson xml yaml yml parquet avro orc txt log pdf html \
    htm php py rb sql md gz zip tar png jpg jpeg gif svg xls xlsx doc docx ts tsx js jsx mjs css rs \
    go java kt exe ini toml lock";
const HOST_ENDINGS: &str =
    "com org net io dev co kr jp uk us eu de fr gov edu ai app cloud me info biz tv";

/// A quoted text, with and without its quotes.
pub(crate) struct Quoted {
    pub outer: Range<usize>,
    pub inner: Range<usize>,
}

/// Overwrites a range with spaces, which keeps other positions.
pub(crate) fn blank(text: &mut String, range: &Range<usize>) {
    text.replace_range(range.clone(), &" ".repeat(range.len()));
}

pub(crate) fn without_addresses(text: &str) -> String {
    let mut result = text.to_owned();
    for address in ADDRESSES.find_iter(text) {
        blank(&mut result, &address.range());
    }
    result
}

/// An apostrophe is not a quote: a quote opens before a word and closes after one.
pub(crate) fn single_quoted(text: &str) -> Vec<Quoted> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(quotes) = SINGLE_QUOTES.captures_at(text, at) {
        let outer = quotes.get(1).or_else(|| quotes.get(0));
        let inner = quotes.get(2).or_else(|| quotes.get(3));
        let (Some(outer), Some(inner)) = (outer, inner) else {
            break;
        };
        let is_quote = !inner.as_str().starts_with(char::is_whitespace)
            && !inner.as_str().ends_with(char::is_whitespace)
            && !text[outer.end()..].starts_with(|next: char| next.is_ascii_alphanumeric());
        if is_quote {
            found.push(Quoted {
                outer: outer.range(),
                inner: inner.range(),
            });
            at = outer.end();
        } else {
            at = inner.start();
        }
    }
    found
}

pub(crate) fn double_quoted(text: &str) -> Vec<Quoted> {
    DOUBLE_QUOTES
        .captures_iter(text)
        .filter_map(|quotes| {
            Some(Quoted {
                outer: quotes.get(0)?.range(),
                inner: quotes.get(1).or_else(|| quotes.get(2))?.range(),
            })
        })
        .collect()
}

/// `the 'state' column`, `column "state"`.
pub(crate) fn is_called_column(text: &str, quoted: &Range<usize>) -> bool {
    AFTER_COLUMN_WORD.is_match(tail(&text[..quoted.start]))
        || BEFORE_COLUMN_WORD.is_match(&text[quoted.end..])
}

/// How far before a word its context reaches, in bytes.
const CONTEXT: usize = 400;

fn tail(text: &str) -> &str {
    let start = text.len().saturating_sub(CONTEXT);
    let start = (start..text.len()).find(|at| text.is_char_boundary(*at));
    &text[start.unwrap_or(text.len())..]
}

/// Whether a word is given as a value, by itself or in a list of values.
pub(crate) fn is_value(text: &str, word: &Range<usize>, examples_are_values: bool) -> bool {
    if VALUES_AFTER.is_match(&text[word.end..]) {
        return true;
    }
    let mut before = without_opening(tail(&text[..word.start]));
    // Steps back over the items of a list, each of at most three words.
    for _ in 0..30 {
        if introduces_values(before, examples_are_values) {
            return true;
        }
        let Some(comma) = LIST_COMMA.find(before) else {
            return false;
        };
        let list = &before[..comma.start()];
        let mut item = list;
        let mut previous = None;
        for _ in 0..3 {
            let Some(word) = LIST_WORD.find(item) else {
                break;
            };
            item = without_opening(&item[..word.start()]);
            if introduces_values(item, examples_are_values) || LIST_COMMA.is_match(item) {
                previous = Some(item);
                break;
            }
        }
        match previous {
            Some(item) => before = item,
            None => return false,
        }
    }
    false
}

fn introduces_values(before: &str, examples_are_values: bool) -> bool {
    if let Some(found) = VALUES.find(before) {
        // `key values`, `the values of`: the preceding word, which is irrelevant here.
        return found.end() == before.len();
    }
    examples_are_values
        && EXAMPLES.find(before).is_some_and(|found| {
            let lead = before[..found.start()].trim_end_matches(['(', ' ', ',']);
            !AFTER_COLUMN_WORD.is_match(lead)
        })
}

/// The text without quotes and brackets directly before a word.
fn without_opening(before: &str) -> &str {
    before.trim_end_matches(['"', '`', '“', '\'', '‘', '('])
}

pub(crate) fn is_sql_word(word: &str) -> bool {
    SQL_WORDS
        .split_whitespace()
        .any(|known| known.eq_ignore_ascii_case(word))
}

/// Whether a word of prose can only be an identifier.
pub(crate) fn is_identifier(word: &str) -> bool {
    let inner = word.trim_matches(['_', '*']);
    if inner.is_empty() {
        return false;
    }
    let is_start_of_names = word.len() > 2 && word.trim_end_matches('*').ends_with('_');
    inner.contains('_')
        || word.starts_with('_')
        || is_start_of_names
        || (CAMEL.is_match(word) && !word.ends_with("OS"))
}

pub(crate) fn is_time_format(word: &str) -> bool {
    word.len() > 3 && TIME_FORMAT.is_match(word)
}

/// An identifier of an ontology or catalogue: `OBI_0000050`.
pub(crate) fn is_code(word: &str) -> bool {
    word.split_once('_').is_some_and(|(letters, digits)| {
        letters.bytes().all(|byte| byte.is_ascii_uppercase())
            && digits.len() >= 5
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// `example.com`, `report.csv`: dotted words whose parts are not columns.
pub(crate) fn is_file_or_host(segments: &[&str]) -> bool {
    let Some(last) = segments.last() else {
        return false;
    };
    let is_in = |list: &str| {
        list.split_whitespace()
            .any(|one| one.eq_ignore_ascii_case(last))
    };
    let has_underscore = segments.iter().any(|segment| segment.contains('_'));
    is_in(FILE_ENDINGS) || (is_in(HOST_ENDINGS) && !has_underscore)
}
