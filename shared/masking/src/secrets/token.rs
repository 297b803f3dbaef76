//! Tokens that are recognized by themselves: by the prefix of their provider or by a shape that nothing else has.

use std::ops::Range;

use super::entropy::is_coded;
use super::value::is_type;
use super::words::is_scheme_word;
use super::{is_mark, is_token, prefixes, token_end};
use crate::text::Text;

/// The least length of a token, including its prefix.
const SHORTEST: usize = 14;

/// URLs that are secrets from here on, since whoever knows them may post.
const HOOKS: [&str; 7] = [
    "hooks.slack.com/services/",
    "hooks.slack.com/workflows/",
    "hooks.slack.com/triggers/",
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
    "webhook.office.com/webhookb2/",
    "hooks.zapier.com/hooks/catch/",
];

/// The units of a secret that begins with a letter or digit.
pub fn token(text: &Text, start: usize) -> Option<Range<usize>> {
    let first = text.at(start);
    if let 'b' | 'B' = first {
        let credentials = after_scheme(text, start, "bearer");
        let credentials = credentials.or_else(|| after_scheme(text, start, "basic"));
        if credentials.is_some() {
            return credentials;
        }
    }
    // A fast path: most words are shorter.
    let long =
        (start..start + SHORTEST).all(|unit| is_token(text.at(unit)) || is_mark(text.at(unit)));
    if !long {
        return None;
    }
    for rule in prefixes::beginning_with(first) {
        if rule
            .rest(text, start)
            .is_some_and(|rest| is_coded(rest) || rule.is_in_letters(rest) || rule.is_sure(rest))
        {
            return Some(start..token_end(text, start + rule.prefix.len()));
        }
    }
    if shaped(text, start) {
        return Some(start..token_end(text, start));
    }
    if let 'h' | 'd' | 'w' = first {
        let hook = HOOKS.iter().find(|hook| text.folded.has(start, hook))?;
        let key = start + hook.len();
        return Some(key..token_end(text, key));
    }
    None
}

/// Whether a token has the shape of a provider whose keys have no prefix.
fn shaped(text: &Text, start: usize) -> bool {
    let all = |from: usize, count: usize, of: fn(char) -> bool| {
        (from..from + count).all(|unit| of(text.at(unit)))
    };
    let alnum = |unit: char| unit.is_ascii_alphanumeric();
    let hex = |unit: char| unit.is_ascii_hexdigit();
    // https://mailchimp.com/developer/marketing/docs/fundamentals/: 32 hexadecimal digits and a data center.
    let mailchimp = || text.folded.has(start + 32, "-us") && all(start, 32, hex);
    // https://learn.microsoft.com/entra/identity-platform/howto-create-service-principal-portal: client secrets.
    let entra = || {
        text.at(start + 4) == 'Q'
            && text.at(start + 5) == '~'
            && text.at(start + 3).is_ascii_digit()
            && all(start + 6, 31, |unit| {
                is_token(unit) || matches!(unit, '.' | '~')
            })
    };
    // https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens
    let terraform = || text.folded.has(start + 14, ".atlasv1.") && all(start + 23, 60, is_token);
    // https://support.maxmind.com/hc/en-us/articles/4407111582235: license keys.
    let maxmind =
        || text.folded.has(start + 36, "_mmk") && all(start, 6, alnum) && all(start + 7, 29, alnum);
    // https://discord.com/developers/docs/reference#authentication: the id of a bot, a time and a signature.
    let discord = || {
        let id = (24..=28).find(|&length| text.at(start + length) == '.');
        id.is_some_and(|id| {
            matches!(text.at(start), 'M' | 'N' | 'O')
                && text.at(start + id + 7) == '.'
                && all(start, id, alnum)
                && all(start + id + 1, 6, is_token)
                && all(start + id + 8, 27, is_token)
        })
    };
    mailchimp() || entra() || terraform() || maxmind() || discord()
}

/// The credentials after the name of an authentication scheme in a header.
fn after_scheme(text: &Text, start: usize, scheme: &str) -> Option<Range<usize>> {
    if !text.folded.has(start, scheme) {
        return None;
    }
    let name = start + scheme.len();
    let value = text.folded.skip_spaces(name);
    if value == name {
        return None;
    }
    let end = token_end(text, value);
    let units = text.folded.units(value..end);
    let capitals = units
        .iter()
        .skip(1)
        .filter(|unit| unit.is_ascii_uppercase());
    let digits = units
        .iter()
        .any(|&unit| unit.is_ascii_digit() || unit == '=');
    let coded = digits || units.len().is_multiple_of(4) && capitals.count() >= 2;
    let told = scheme == "bearer" && is_told(text, start, value..end);
    (units.len() >= 12 && coded || told).then_some(value..end)
}

/// The names of secrets that a token without digits contains: "mysecrettoken".
const NAMES: [&str; 5] = ["token", "secret", "apikey", "passw", "jwt"];

/// Whether the last word of a line after "Bearer" is a token, by a sign or a quote before the scheme, or by a name within
/// the word. "Bearer authentication" and "bearer of news" are none.
fn is_told(text: &Text, scheme: usize, value: Range<usize>) -> bool {
    let units = text.folded.units(value.clone());
    let word: String = units.iter().map(char::to_ascii_lowercase).collect();
    let next = text.at(value.end);
    let last = matches!(next, '\0' | '\n' | '"' | '\'' | '`')
        || next == ' ' && matches!(text.at(text.folded.skip_spaces(value.end)), '\0' | '\n');
    let signed = matches!(text.before(scheme), '"' | '\'' | '`' | '=' | ':');
    let named = NAMES
        .iter()
        .any(|name| word.len() > name.len() + 3 && word.contains(name));
    units.len() >= 8 && last && (signed || named) && !is_scheme_word(units) && !is_type(units)
}

/// The token of a Telegram bot, 123456789:AA..., whose number is this group of digits.
pub fn bot_token(text: &Text, digits: &Range<usize>) -> Option<Range<usize>> {
    let key = digits.end + 1;
    if !(8..=10).contains(&digits.len())
        || text.at(digits.end) != ':'
        || !text.folded.has(key, "aa")
    {
        return None;
    }
    let end = token_end(text, key);
    (end - key >= 30).then_some(digits.start..end)
}

/// A private key in PEM format that begins at a dash. Its end may be missing.
pub fn private_key(text: &Text, start: usize) -> Option<Range<usize>> {
    if !text.folded.has(start, "-----begin ") {
        return None;
    }
    let mut at = start + 11;
    let line = at + 40;
    while at < line && !text.folded.has(at, "private key") {
        at += 1;
    }
    if at == line {
        return None;
    }
    // A text may have many keys, and each is read once.
    while at < text.folded.len() {
        at += 1;
        if text.folded.has(at, "-----end ") {
            let end = (at + 9..at + 60).find(|&unit| text.folded.has(unit, "-----"));
            return Some(start..end.map_or(at + 9, |end| end + 5));
        }
    }
    Some(start..at)
}
