//! Slack's markup (mrkdwn) as plain text. Each reference has one form, whether it is in a `text` or an element of a
//! block.
//!
//! | Slack | text |
//! | --- | --- |
//! | person, channel, group, team | `<@U1>`, `<#C1>`, `<!subteam^S1>`, `<!team^T1>`: the id, without a name |
//! | broadcast | `<!here>`, `<!channel>`, `<!everyone>` |
//! | link | `https://example.com`, or `label (https://example.com)`; an address without `mailto:` |
//! | emoji | `:name:`, `:name::skin-tone-2:` |
//! | date | its fallback |
//! | color | `#F405B3` |
//!
//! Styles, quotes and code leave no marks, so that a partly bold secret is still one word.

mod repeated;
mod same_text;

use std::collections::{HashMap, HashSet};

pub(crate) use repeated::is_repeated;
pub(crate) use same_text::is_same_text;

/// A `text` of Slack: references in angle brackets, and three characters escaped.
pub(crate) fn mrkdwn(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let (before, tail) = (&rest[..start], &rest[start + 1..]);
        out.push_str(&unescaped(before));
        let end = tail.find(['<', '>', '\n']);
        let end = end.filter(|end| tail.as_bytes()[*end] == b'>');
        if let Some((end, shown)) = end.and_then(|end| Some((end, reference(&tail[..end])?))) {
            out.push_str(&shown);
            rest = &tail[end + 1..];
        } else {
            out.push('<');
            rest = tail;
        }
    }
    out.push_str(&unescaped(rest));
    out
}

/// The text between angle brackets as a reference; None if it is not one.
fn reference(text: &str) -> Option<String> {
    let (target, label) = match text.split_once('|') {
        Some((target, label)) => (target, Some(label)),
        None => (text, None),
    };
    let is_id = |id: &str| !id.is_empty() && id.bytes().all(|it| it.is_ascii_alphanumeric());
    if let Some(id) = target.strip_prefix('@').filter(|id| is_id(id)) {
        return Some(format!("<@{id}>"));
    }
    if let Some(id) = target.strip_prefix('#').filter(|id| is_id(id)) {
        return Some(format!("<#{id}>"));
    }
    if let Some(special) = target.strip_prefix('!') {
        if special.starts_with("date^") {
            return label.map(unescaped);
        }
        return Some(format!("<!{}>", unescaped(special)));
    }
    let is_link = target.contains("://") || is_address(target);
    is_link.then(|| {
        link(
            &unescaped(target),
            &label.map(unescaped).unwrap_or_default(),
        )
    })
}

/// Slack escapes these three characters and no others.
pub(crate) fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

fn is_address(url: &str) -> bool {
    url.starts_with("mailto:") || url.starts_with("tel:")
}

pub(crate) fn link(url: &str, label: &str) -> String {
    let short = url.split_once(':').map_or(url, |(_, rest)| rest);
    let short = short.trim_start_matches('/');
    let url = if is_address(url) { short } else { url };
    let label = label.trim();
    if label.is_empty() || label == url || label == short {
        url.to_owned()
    } else {
        format!("{label} ({url})")
    }
}

/// Combines the `text` of a message with the text of its blocks.
///
/// `text` is a fallback for clients that show no blocks, and often repeats them. So the result is the blocks alone if
/// they have every word of the text, the text alone if it contains the blocks, and otherwise the lines that only the
/// text has, followed by the blocks. A word with marks inside it in the text (`sk-*abc*`) and without them in the
/// blocks is taken from the blocks.
pub(crate) fn combined(text: &str, blocks: &str) -> String {
    if blocks.trim().is_empty() {
        return text.to_owned();
    }
    if text.trim().is_empty() {
        return blocks.to_owned();
    }
    let text = without_marks(text, blocks);
    let (of_text, of_blocks) = (letters(&text), letters(blocks));
    let is_contained = if of_text.is_empty() {
        blocks.contains(text.trim())
    } else {
        of_blocks.contains(&of_text) || words(&text).is_subset(&words(blocks))
    };
    if is_contained {
        return blocks.to_owned();
    }
    if !of_blocks.is_empty() && of_text.contains(&of_blocks) {
        return text;
    }
    let known: HashSet<String> = blocks.lines().map(letters).collect();
    let more = text.lines().filter(|line| !known.contains(&letters(line)));
    let lines: Vec<&str> = more.chain([blocks]).collect();
    lines.join("\n")
}

const MARKS: [char; 4] = ['*', '_', '~', '`'];

/// The text, with the blocks' spelling of the words that are in both.
fn without_marks(text: &str, blocks: &str) -> String {
    let plain = |word: &str| word.replace(MARKS, "");
    let known: HashMap<String, &str> = blocks
        .split_whitespace()
        .map(|word| (plain(word), word))
        .collect();
    let mut out = String::with_capacity(text.len());
    for part in text.split_inclusive(char::is_whitespace) {
        let word = part.trim_end();
        match known.get(&plain(word)) {
            Some(whole) if word.contains(MARKS) => {
                out.push_str(whole);
                out.push_str(&part[word.len()..]);
            }
            _ => out.push_str(part),
        }
    }
    out
}

fn letters(text: &str) -> String {
    let letters = text.chars().filter(|it| it.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

fn words(text: &str) -> HashSet<String> {
    text.split(|it: char| !it.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_has_one_form() {
        for (text, shown) in [
            ("<@U9> and <@U9|mina>", "<@U9> and <@U9>"),
            ("<#C1|general> <#C1>", "<#C1> <#C1>"),
            (
                "<!here> <!channel|channel> <!subteam^S1|@ops>",
                "<!here> <!channel> <!subteam^S1>",
            ),
            (
                "<https://example.com/a?b=1&amp;c=2>",
                "https://example.com/a?b=1&c=2",
            ),
            (
                "<https://example.com|our site>",
                "our site (https://example.com)",
            ),
            ("<https://example.com|example.com>", "https://example.com"),
            ("<mailto:a@b.example|a@b.example>", "a@b.example"),
            ("<tel:+821012345678|call me>", "call me (+821012345678)"),
            (
                "<!date^1392734382^{date_short}^https://example.com|18 Feb>",
                "18 Feb",
            ),
            ("a &lt;b&gt; &amp;lt; c", "a <b> &lt; c"),
            ("1 < 2 > 0 and <b> <", "1 < 2 > 0 and <b> <"),
            ("<a\n<@U1>", "<a\n<@U1>"),
        ] {
            assert_eq!(mrkdwn(text), shown, "{text}");
        }
    }

    #[test]
    fn text_that_repeats_the_blocks_is_stored_once() {
        for (text, blocks, taken) in [
            ("", "b", "b"),
            ("a", "", "a"),
            ("*Hello* there", "Hello there", "Hello there"),
            (
                "Deploy failed",
                "Deploy failed\nstage eu-1",
                "Deploy failed\nstage eu-1",
            ),
            (
                "stage eu-1: deploy failed",
                "Deploy failed\nstage eu-1",
                "Deploy failed\nstage eu-1",
            ),
            (
                "Deploy failed. See logs",
                "See logs",
                "Deploy failed. See logs",
            ),
            (
                "New alert",
                "db-3 is full\nAck",
                "New alert\ndb-3 is full\nAck",
            ),
            (
                "db-3 is full\nask ops",
                "DB-3 is full!\nAck",
                "ask ops\nDB-3 is full!\nAck",
            ),
            ("👍", "Approve", "👍\nApprove"),
        ] {
            assert_eq!(combined(text, blocks), taken, "{text} {blocks}");
        }
    }

    #[test]
    fn a_word_without_marks_in_the_blocks_has_none_in_the_result() {
        let taken = combined(
            "key sk-*ant*_x1 for more\nand so on",
            "key sk-ant_x1\nbutton",
        );
        assert_eq!(
            taken,
            "key sk-ant_x1 for more\nand so on\nkey sk-ant_x1\nbutton"
        );
        assert_eq!(combined("2*3 and more", "6"), "2*3 and more\n6");
    }
}
