//! Words after the name of a secret that are no secret: settings, words for a missing value, and words that say how a
//! password is.

use super::entropy::without_marks;
use crate::fold::PLACEHOLDER;

/// Values of a name that are no secret, such as `{"pass": "true"}` and `{"credentials": "include"}`.
const SETTINGS: &str = "true false yes no on off ok null none nil n/a undefined include omit same-origin required \
    optional enabled disabled allowed denied basic bearer default auto all any success fail passed failed";

/// Other values in code, forms and sentences that stand for a missing value.
const NO_VALUES: &str = "string hidden redacted changeme password secret token empty your here str text invalid \
    expired missing wrong reset unknown example bcrypt revoked rotated bytes number integer boolean object varchar \
    same unchanged above below attached forgotten incorrect 1password lastpass bitwarden keepass vault keychain self \
    this must please placeholder eof erforderlich vergessen obligatoire requis obligatoria obligatorio requerida \
    obbligatoria verplicht wymagane zorunlu обязателен";

/// Words that say how a password is, in addition to those by their ending.
const QUALITIES: &str = "short long strong weak medium blank correct right good fine okay safe secure insecure bad \
    different unique public private visible broken lost gone stolen compromised case-sensitive needed mandatory \
    simple easy hard complex temporary outdated stale valid accepted rejected changed updated saved verified confirmed \
    ready active inactive similar identical common random guessable lowercase uppercase \
    alphanumeric plaintext generated encrypted hashed protected stored sent locked \
    sicher unsicher falsch richtig schwach stark abgelaufen gesperrt faux fausse sûr faible fort segura seguro débil \
    debil incorrecta incorrecto correcta correcto caducada perdida errada incorreta fraca forte vencida sbagliata \
    sicura debole scaduta onjuist verkeerd zwak sterk verlopen";

/// Words that end a sentence about a password: "I don't know what it is anymore".
const ADVERBS: &str = "anymore again either though although now today tomorrow yesterday too also still already yet \
    there somewhere anywhere everywhere thanks anyway actually exactly really currently probably apparently maybe \
    obviously definitely finally supposedly instead later soon whatever what which mine yours ours theirs not however enough weird strange case";

/// The endings of words that say how a password is.
const ENDINGS: [&str; 7] = ["ed", "ing", "able", "ible", "ent", "ive", "ful"];

/// Products that are named with a number: "Windows11", "iPhone15".
const PRODUCTS: &str = "windows win office microsoft outlook excel surface xbox iphone ipad ipados ios macos macbook \
    galaxy android pixel chrome chromebook playstation ps ubuntu debian fedora centos rhel python java php node mysql \
    mariadb postgres postgresql mongodb redis oracle m";

fn lower(units: &[char]) -> String {
    units.iter().map(char::to_ascii_lowercase).collect()
}

fn contains(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|known| known == word)
}

pub fn is_setting(value: &str) -> bool {
    let value = value.trim().to_ascii_lowercase();
    value.is_empty() || contains(SETTINGS, &value)
}

/// Whether a value may be one: neither a setting nor a word for a missing value nor marks.
pub fn worth(units: &[char]) -> bool {
    let word = lower(without_marks(units));
    let known = contains(NO_VALUES, &word) || is_setting(&word);
    let stars = units.iter().all(|unit| !unit.is_alphanumeric());
    // xxxxxxxx
    let same = units.len() >= 4 && units.iter().all(|unit| unit == &units[0]);
    let masked = units.contains(&PLACEHOLDER);
    !(known || stars || same || masked)
}

/// Whether this is another name of a secret, with or without a number: "password2".
pub fn is_name_of_secret(units: &[char]) -> bool {
    let word = lower(units);
    contains(
        NO_VALUES,
        word.trim_end_matches(|unit: char| unit.is_ascii_digit()),
    )
}

/// Whether a word that follows "password:" says how the password is. Its ending doesn't decide, since passwords have
/// those endings too.
pub fn is_state(units: &[char]) -> bool {
    let word = lower(without_marks(units));
    contains(QUALITIES, &word)
}

/// Whether a word that follows "the password is" says how the password is.
pub fn is_quality(units: &[char]) -> bool {
    let word = lower(without_marks(units));
    is_state(units)
        || contains(ADVERBS, &word)
        || ENDINGS.iter().any(|ending| word.ends_with(ending))
}

/// Whether this is the name of a product with its number: "Windows11", "iOS17.2".
pub fn is_product(units: &[char]) -> bool {
    let letters = units
        .iter()
        .take_while(|unit| unit.is_ascii_alphabetic())
        .count();
    let (name, number) = units.split_at(letters);
    number.first().is_some_and(char::is_ascii_digit)
        && number
            .iter()
            .all(|unit| unit.is_ascii_digit() || *unit == '.')
        && contains(PRODUCTS, &lower(name))
}
