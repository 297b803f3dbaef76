//! Whether two stored texts say the same: an agent may log an answer in one row, with marks of Markdown or mrkdwn, and
//! Slack in another one, without them.
//!
//! A text that repeats another one is left out, so only marks and the spelling of emoji may differ: `15` is not `1.5`,
//! `C#` is not `C++`, and `[PHONE_1]` is not `[PHONE_2]`.

use super::same_text::shortcode;
use super::{link, mrkdwn};

const BULLETS: [&str; 7] = ["- ", "* ", "+ ", "• ", "◦ ", "▪ ", "> "];

/// Whether two texts are the same but for marks and the spelling of emoji, whichever of them is Slack's.
pub fn is_repeated(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let of = |text: &str| [Plain::of(text), Plain::of(&mrkdwn(text))];
    let others = of(other);
    of(one)
        .iter()
        .any(|one| others.iter().any(|other| one.is_same(other)))
}

/// A text without marks, and apart from it its emoji.
#[derive(Default)]
struct Plain {
    text: String,
    emoji: String,
    has_shortcodes: bool,
}

impl Plain {
    fn of(text: &str) -> Self {
        let mut plain = Self::default();
        let mut line_of_text = String::new();
        for line in text.lines() {
            line_of_text.clear();
            plain.take_emoji(
                &with_plain_links(without_block_marks(line)),
                &mut line_of_text,
            );
            for word in without_styles(&line_of_text).split_whitespace() {
                if !plain.text.is_empty() {
                    plain.text.push(' ');
                }
                plain.text.push_str(word);
            }
        }
        plain
    }

    /// Slack names emoji that an agent may have sent as characters. Two names, or two characters, are compared.
    fn is_same(&self, other: &Self) -> bool {
        let is_empty = self.text.is_empty() && self.emoji.is_empty();
        !is_empty
            && self.text == other.text
            && self.emoji.is_empty() == other.emoji.is_empty()
            && (self.emoji == other.emoji || self.has_shortcodes != other.has_shortcodes)
    }

    fn take_emoji(&mut self, line: &str, out: &mut String) {
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let name = shortcode(rest).filter(|length| is_name_of_emoji(&rest[..*length]));
            let length = name.unwrap_or(first.len_utf8());
            if name.is_some() || is_emoji(first) {
                // A variation selector only chooses how the character before it is drawn.
                if first != '\u{fe0f}' {
                    self.emoji.push_str(&rest[..length]);
                }
                self.has_shortcodes |= name.is_some();
                out.push(' ');
            } else {
                out.push(first);
            }
            rest = &rest[length..];
        }
    }
}

/// `:30:` is a part of a time.
fn is_name_of_emoji(name: &str) -> bool {
    matches!(name, ":+1:" | ":-1:" | ":100:" | ":1234:")
        || name.bytes().any(|it| it.is_ascii_lowercase())
}

fn is_emoji(letter: char) -> bool {
    matches!(
        letter,
        '\u{1f000}'..='\u{1faff}'
            | '\u{2600}'..='\u{27bf}'
            | '\u{2b00}'..='\u{2bff}'
            | '\u{200d}'
            | '\u{20e3}'
            | '\u{fe0f}'
            | '\u{e0020}'..='\u{e007f}'
    )
}

/// A line without the marks of headings, quotes and lists at its start.
fn without_block_marks(line: &str) -> &str {
    let mut line = line.trim();
    while let Some(rest) = BULLETS.iter().find_map(|mark| line.strip_prefix(mark)) {
        line = rest.trim_start();
    }
    let heading = line.trim_start_matches('#');
    if line.len() - heading.len() <= 6 && heading.starts_with(' ') {
        return heading.trim_start();
    }
    line
}

/// A line with links of Markdown as Slack's are stored: `[label](https://example.com)`.
fn with_plain_links(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut parts = line.split('[');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let target = part.split_once("](").and_then(|(label, rest)| {
            let (url, rest) = rest.split_once(')')?;
            let is_url = url.contains("://") || url.starts_with("mailto:");
            (is_url && !label.contains(']')).then(|| (link(url, label), rest))
        });
        if let Some((shown, rest)) = target {
            out.push_str(&shown);
            out.push_str(rest);
        } else {
            out.push('[');
            out.push_str(part);
        }
    }
    out
}

/// A line without pairs of `*`, `_`, `~` and backquotes around words. Such a sign inside a word, or without another one,
/// is no mark.
fn without_styles(line: &str) -> String {
    let runs = runs(line);
    let mut open: [Option<usize>; 4] = [None; 4];
    let mut is_mark = vec![false; runs.len()];
    for (at, run) in runs.iter().enumerate() {
        let opened = open[run.sign].filter(|it| runs[*it].length == run.length);
        if let Some(opened) = opened.filter(|_| run.closes) {
            is_mark[opened] = true;
            is_mark[at] = true;
            open[run.sign] = None;
        } else if run.opens {
            open[run.sign] = Some(at);
        }
    }
    let mut out = String::with_capacity(line.len());
    let mut end = 0;
    for (run, _) in runs.iter().zip(is_mark).filter(|(_, is_mark)| *is_mark) {
        out.push_str(&line[end..run.start]);
        end = run.start + run.length;
    }
    out.push_str(&line[end..]);
    out
}

/// Equal signs in a row.
struct Run {
    /// The place in [`super::MARKS`].
    sign: usize,
    start: usize,
    length: usize,
    opens: bool,
    closes: bool,
}

fn runs(line: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut before: Option<char> = None;
    let mut letters = line.char_indices().peekable();
    while let Some((start, letter)) = letters.next() {
        let Some(sign) = super::MARKS.iter().position(|mark| *mark == letter) else {
            before = Some(letter);
            continue;
        };
        let mut length = 1;
        while letters.next_if(|(_, next)| *next == letter).is_some() {
            length += 1;
        }
        let after = letters.peek().map(|(_, next)| *next);
        let is_word = |it: Option<char>| it.is_some_and(char::is_alphanumeric);
        let is_blank = |it: Option<char>| it.is_none_or(char::is_whitespace);
        runs.push(Run {
            sign,
            start,
            length,
            opens: !is_word(before) && !is_blank(after),
            closes: !is_word(after) && !is_blank(before),
        });
        before = Some(letter);
    }
    runs
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::is_repeated;

    #[test]
    fn texts_that_differ_in_marks_and_the_spelling_of_emoji_are_repeated() {
        for (one, other) in [
            ("Same text", "Same text"),
            ("It is **on its way**.", "It is on its way."),
            (
                "It is *on its way*, `now` _and_ ~not~ later",
                "It is on its way, now and not later",
            ),
            ("***very***", "very"),
            (
                "see [the docs](https://example.com/a)",
                "see the docs (https://example.com/a)",
            ),
            (
                "see <https://example.com/a|the docs>",
                "see the docs (https://example.com/a)",
            ),
            ("a &amp; b", "a & b"),
            ("done 🎉", "done :tada:"),
            ("👍", ":+1:"),
            ("# Title\n\n- one\n- two", "Title\n• one\n• two"),
            ("> quoted", "quoted"),
            ("one\ntwo", "one two"),
            ("환불은 **사흘** 걸립니다", "환불은 사흘 걸립니다"),
        ] {
            assert!(is_repeated(one, other), "{one:?} {other:?}");
            assert!(is_repeated(other, one), "{other:?} {one:?}");
        }
    }

    #[test]
    fn texts_that_differ_in_a_sign_a_placeholder_or_an_emoji_are_not_repeated() {
        for (one, other) in [
            ("it costs 15", "it costs 1.5"),
            ("-20", "20"),
            ("between -20 and 5", "between 20 and 5"),
            ("C++", "C#"),
            ("C++", "C"),
            ("call [PHONE_1]", "call [PHONE_2]"),
            ("call [PHONE_1]", "call [EMAIL_1]"),
            ("2*3*4", "234"),
            ("~5 days", "5 days"),
            ("2 * 3 * 4", "2 3 4"),
            ("snake_case_name", "snakecasename"),
            ("$5", "5"),
            ("5 %", "5"),
            ("5 < 6", "5 > 6"),
            ("#5", "5"),
            ("at 10:30:00", "at 1000"),
            ("yes?", "yes!"),
            ("done ✅", "done ❌"),
            ("done :tada:", "done :cry:"),
            ("done ✅", "done"),
            ("👍", "👎"),
            ("a-b", "ab"),
            ("can't", "cant"),
            ("US", "us"),
            ("", "*"),
        ] {
            assert!(!is_repeated(one, other), "{one:?} {other:?}");
            assert!(!is_repeated(other, one), "{other:?} {one:?}");
        }
    }

    #[test]
    fn the_time_to_compare_texts_grows_with_their_length_only() {
        let begun = Instant::now();
        for unit in [
            "[", "[a](", "[a](b://", ":", ":a", "*", "*a", "*a* ", "_*~`", "- ", "#", "<a|",
        ] {
            let text = unit.repeat(100_000);
            assert!(
                !is_repeated(&format!("a{text}"), &format!("{text}\nb")),
                "{unit}"
            );
        }
        // The square of the length takes minutes.
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
