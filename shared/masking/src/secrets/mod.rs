//! Passwords, tokens and keys, recognized by the prefix of the provider that issued them, by the name before them, by
//! their place in a URL, a command or a header, and by their shape in such a place.

mod accounts;
mod codes;
mod commands;
mod cookies;
mod ends;
mod entropy;
mod letters;
mod link;
mod markup;
mod named;
mod password;
mod place;
mod prefixes;
mod purpose;
mod quoted;
mod statements;
mod suffix;
mod token;
mod value;
mod words;

pub use accounts::of_account;
pub use codes::code;
pub use commands::in_command;
pub use cookies::cookies;
pub use markup::is_value_key;
pub use named::{Name, is_secret_number_of, is_secret_of, is_word_of, name, named};
pub use place::{in_source, in_url};
pub use statements::in_statement;
pub use suffix::{is_other, is_use};
pub use token::{bot_token, private_key, token};

use crate::text::Text;

fn is_token(unit: char) -> bool {
    unit.is_ascii_alphanumeric() || matches!(unit, '_' | '-')
}

/// The marks of base64, of dotted tokens and of percent-encoding.
fn is_mark(unit: char) -> bool {
    matches!(unit, '.' | '+' | '/' | '=' | '~' | ':' | '%')
}

/// The end of a token, including the marks within it.
fn token_end(text: &Text, start: usize) -> usize {
    text.token.end(start, |at| {
        is_token(text.at(at))
            || is_mark(text.at(at)) && is_token(text.at(at + 1))
            || text.at(at) == '=' && matches!(text.before(at), '=') | is_token(text.before(at))
    })
}
