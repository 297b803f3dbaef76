//! Secrets after their name. A password may be a word, a token has digits and letters, and the value of a "key" or a
//! "signature" is a secret only if it is random.

use std::ops::Range;

use super::entropy::{
    is_generated, is_likely, is_mixed, is_random, is_uuid, segments, without_marks,
};
use super::link::{Link, link};
use super::suffix::name_end;
use super::value::{is_code, is_limit, is_name, is_object, is_path, is_reference, is_type, judged};
use super::words::{is_name_of_secret, is_product, is_quality, is_setting, is_state, worth};
use crate::fold::PLACEHOLDER;
use crate::labels::{Class, Label};
use crate::text::Text;

/// The most marks at the end of a value that belong to the sentence.
const MARKS: usize = 8;

/// The longest value in quotes.
const QUOTED: usize = 200;

/// The value after a label of a secret: "password=...", "비밀번호는 ... 입니다".
pub fn named(text: &Text, label: &Label) -> Option<Range<usize>> {
    let (link, mut at) = link(text, label)?;
    let assigned = text.before(at) == '=' || text.folded.back(at, 2) == '=';
    let quote = text.at(at);
    if matches!(quote, '"' | '\'' | '`') {
        at += 1;
        let mut closed =
            (at..at + QUOTED).take_while(|&unit| !matches!(text.at(unit), '\0' | '\n'));
        let end = closed.find(|&unit| text.at(unit) == quote);
        if let Some(end) = end.filter(|_| label.class.meets(Class::SECRET)) {
            return in_quotes(text, label, link, at..end);
        }
    }
    // An element of XML begins with a letter.
    at += usize::from(quote == '<' && text.at(at + 1).is_ascii_digit());
    let end = value_end(text, at, label);
    let units = judged(text, &(at..end));
    let is_value = if label.class.is(Class::PASSWORD) {
        is_password(text, label, link, at..end)
    } else if label.class.meets(Class::SECRET) {
        is_token_or_key(text, label, link, at..end)
    } else {
        link == Link::Scheme && (is_likely(units) || units.len() >= 16 && ends_line(text, end))
            || is_random(units) && !is_uuid(units) && !is_object(units)
    };
    let numeric = units.iter().all(char::is_ascii_digit);
    (is_value
        && units.len() >= 4
        && worth(units)
        && !is_code(units, assigned)
        && !is_path(units)
        && !is_limit(text, at..end)
        && !(numeric && text.amount(end)))
    .then_some(at..end)
}

/// The value in quotes.
fn in_quotes(text: &Text, label: &Label, link: Link, at: Range<usize>) -> Option<Range<usize>> {
    let units = text.folded.units(at.clone());
    let told = matches!(link, Link::Sign { .. } | Link::Option | Link::Scheme);
    let after = text.folded.skip_spaces(at.end + 1);
    let likely = match link {
        Link::Pair { alone } => {
            let ends = matches!(text.at(after), ')' | ']') && !is_name_of_secret(units);
            is_generated(units) || alone && ends && is_likely(units)
        }
        _ => is_likely(units),
    };
    let is_value = if told {
        is_secret(label.class, &String::from_iter(units))
    } else {
        !units.contains(&' ') && (likely || link == Link::Is && word_in_quotes(label, units))
    };
    (is_value && worth(units) && units.len() >= 3 && !is_type(units)).then_some(at)
}

/// The password is "swordfish"
fn word_in_quotes(label: &Label, units: &[char]) -> bool {
    label.class.is(Class::PASSWORD) && units.len() >= 6 && !is_quality(units) && !is_name(units)
}

/// Whether a text is a secret by the JSON key before it.
pub fn is_secret_of(key: &Text, value: &str) -> bool {
    let mut names = key.labels.iter().rev();
    let name = names.find(|label| label.class.meets(Class::SECRET));
    name.is_some_and(|label| {
        name_end(key, label) == key.folded.len() && is_secret(label.class, value)
    })
}

/// Whether a text is the value of a name of this class.
fn is_secret(class: Class, value: &str) -> bool {
    let units: Vec<char> = value.chars().collect();
    if is_setting(value) || is_reference(value) {
        return false;
    }
    // "token" also names words, and "credentials" names modes.
    !class.is(Class::TOKEN) || is_likely(&units) || is_generated(&units) || is_pair(&units)
}

/// Whether this is a user with a password: kim:word.
fn is_pair(units: &[char]) -> bool {
    let mut parts = units.split(|&unit| unit == ':');
    let long = |part: Option<&[char]>| {
        part.is_some_and(|part| part.len() >= 3 && part.iter().all(char::is_ascii_alphanumeric))
    };
    long(parts.next()) && long(parts.next()) && parts.next().is_none()
}

/// Whether the units after the name of a password are one.
fn is_password(text: &Text, label: &Label, link: Link, at: Range<usize>) -> bool {
    let end = at.end;
    let units = without_marks(judged(text, &at));
    let digits = units.iter().filter(|unit| unit.is_ascii_digit()).count();
    let letters = units
        .iter()
        .filter(|unit| unit.is_ascii_alphabetic())
        .count();
    let strong = units.iter().any(|unit| "!@#$%^&*?+~".contains(*unit));
    let mixed = digits > 0 && digits < units.len() || letters > 0 && strong;
    let lower = letters >= 4 && units[1..].iter().all(char::is_ascii_lowercase);
    let chosen = segments(units).any(|segment| segment.len() >= 5 && is_mixed(segment));
    if is_name(units) || is_type(units) {
        return false;
    }
    match link {
        // "password: swordfish", and not "password: please reset it".
        Link::Sign { close } => {
            let word = letters >= 4 && (close || concludes(text, end) && !is_state(units));
            mixed || digits >= 4 || word
        }
        Link::Option => mixed || digits >= 4 || letters >= 4 && ends_option(text, end),
        Link::Scheme => is_likely(units),
        Link::Near { particle } => {
            let word = particle && lower && concludes(text, end) && !is_quality(units);
            (mixed || digits >= 4 || word) && (!is_product(units) || concludes(text, end))
        }
        Link::Is => {
            let word = lower && concludes(text, end) && !is_quality(units) && !asked(text, label);
            chosen || digits >= 4 || mixed && strong || word
        }
        Link::Pair { .. } => false,
        Link::Space => {
            chosen && !is_product(units)
                || is_generated(units)
                || letters >= 4 && after_login(text, end)
        }
    }
}

/// Whether a sentence asks for a password: "I don't know what my password is anymore".
fn asked(text: &Text, label: &Label) -> bool {
    let before = text
        .folded
        .units(label.start.saturating_sub(40)..label.start);
    let clause = before.rsplit(|unit| matches!(unit, '.' | '?' | '!' | ',' | ':' | '\n'));
    clause.take(1).any(|clause| {
        let mut words = clause.split(|unit| *unit == ' ');
        words.any(|word| {
            let word: String = word.iter().map(char::to_ascii_lowercase).collect();
            matches!(word.as_str(), "what" | "which" | "whatever")
        })
    })
}

/// Whether the units after the name of a token or a key are one.
fn is_token_or_key(text: &Text, label: &Label, link: Link, at: Range<usize>) -> bool {
    let (start, end) = (at.start, at.end);
    let units = judged(text, &at);
    let letters = units
        .iter()
        .filter(|unit| unit.is_ascii_alphabetic())
        .count();
    let url = units.windows(3).any(|marks| marks == [':', '/', '/']);
    let name = is_name(units) || is_type(units) || text.folded.has(start, "arn:") || url;
    let pair = label.class.is(Class::TOKEN) && is_pair(units);
    let likely = is_likely(units) || is_generated(units) || pair;
    let is_value = match link {
        // ?token=swordfish, TOKEN=swordfish, pass=swordfish
        Link::Sign { close: true } => {
            let query = matches!(text.before(label.start), '?' | '&' | '#');
            let capitals = text.before(label.end).is_ascii_uppercase();
            let pass = ["pass", "secret"]
                .iter()
                .any(|name| text.folded.has(label.start, name));
            likely || letters >= 4 && (query || capitals || pass) && concludes(text, end)
        }
        Link::Sign { .. } | Link::Option | Link::Scheme | Link::Near { .. } | Link::Is => likely,
        Link::Pair { .. } => false,
        Link::Space => is_generated(units),
    };
    is_value && !name
}

/// "login kim password swordfish": the word before the name follows one for a user.
fn after_login(text: &Text, end: usize) -> bool {
    let line = text.folded.units(end.saturating_sub(80)..end);
    let Some(line) = line.rsplit(|&unit| unit == '\n').next() else {
        return false;
    };
    let mut words = line
        .rsplit(|&unit| unit == ' ')
        .filter(|word| !word.is_empty());
    let user = words.nth(3);
    let user = user.is_some_and(|word| {
        let word: String = word.iter().map(char::to_ascii_lowercase).collect();
        ["login", "user", "username", "id"].contains(&word.trim_matches(':'))
    });
    user && ends_line(text, end)
}

/// Whether a value of an option is followed by the next option, or by nothing.
fn ends_option(text: &Text, end: usize) -> bool {
    ends_line(text, end) || text.at(end) == ' ' && text.at(end + 1) == '-'
}

/// The end of a sentence whose predicate is the value: "swordfish입니다".
const COPULAS: [&str; 9] = [
    "입니다",
    "이에요",
    "예요",
    "이야",
    "임",
    "이고",
    "이며",
    "です",
    "だよ",
];

/// Whether a value ends its line or its sentence.
fn concludes(text: &Text, end: usize) -> bool {
    let next = end + usize::from(text.at(end) == ' ');
    ends_line(text, end) || COPULAS.iter().any(|copula| text.folded.has(next, copula))
}

/// Whether nothing follows a value on its line but marks, or another name with its value.
fn ends_line(text: &Text, end: usize) -> bool {
    let next = text.at(end);
    let after = text.folded.skip_spaces(end + 1);
    match next {
        '\0' | '\n' | '"' | '\'' | '`' | ',' | ';' | '&' | '}' | ']' | '|' => true,
        '<' => text.at(end + 1) == '/',
        '.' | ')' | '!' => matches!(text.at(after), '\0' | '\n'),
        ' ' => named_value(text, end + 1) || matches!(text.at(after), '\0' | '\n'),
        _ => false,
    }
}

/// Whether another name with its value follows: `dbname=shop`.
fn named_value(text: &Text, start: usize) -> bool {
    let name = (start..start + 20).take_while(|&unit| {
        text.at(unit).is_ascii_alphanumeric() || matches!(text.at(unit), '_' | '-')
    });
    let length = name.count();
    length > 0 && text.at(start + length) == '='
}

/// The end of a value. Marks separate it from the next one unless they are part of a password.
fn value_end(text: &Text, start: usize, label: &Label) -> usize {
    let is_password = label.class.is(Class::PASSWORD);
    let run = if is_password {
        &text.password
    } else {
        &text.value
    };
    let mut end = run.end(start, |at| {
        let unit = text.at(at);
        let ends = unit == '\0' || unit.is_whitespace() || unit == PLACEHOLDER;
        let is_quote = matches!(unit, '"' | '\'' | '`' | '<' | '>' | '}' | ']');
        let separates = matches!(unit, ',' | ';' | '&' | '|')
            && !(is_password && within_password(text, at + 1));
        // A particle or the next word, since passwords are written in Latin letters.
        let dense = matches!(unit, '가'..='힣' | '\u{3040}'..='\u{9FFF}');
        !(ends || is_quote || separates || dense)
    });
    let least = end.saturating_sub(MARKS).max(start);
    while end > least && matches!(text.before(end), '.' | ')' | ':' | '-') {
        end -= 1;
    }
    end
}

/// Whether what follows a mark is the rest of a password and not the next name or word: "P@ss,w0rd".
fn within_password(text: &Text, start: usize) -> bool {
    let rest = (start..start + 20).take_while(|&unit| {
        let unit = text.at(unit);
        unit.is_ascii_alphanumeric()
            || matches!(unit, '!' | '@' | '#' | '$' | '%' | '^' | '*' | '_' | '-')
    });
    let rest = text.folded.units(start..start + rest.count());
    let word = rest.iter().all(char::is_ascii_lowercase) || rest.iter().all(char::is_ascii_digit);
    !word && !matches!(text.at(start + rest.len()), '=' | ':')
}
