//! Compares what an agent says it posted with what Slack says was posted.
//!
//! An agent logs the text that it sent, with the marks of Markdown or mrkdwn. Slack's event has the text without
//! styles, with `:name:` for an emoji, and with the labels of buttons as further lines. So signs and the numbers of
//! placeholders are not compared: channel and `ts` already say which message it is, and the row keeps the text of
//! whichever came first.

use std::collections::HashSet;

use super::mrkdwn;

/// In bytes, of a placeholder's name. A longer text in brackets is not searched for its end.
const MAX_PLACEHOLDER: usize = 40;

/// Whether both are the text of one message: whether Slack's text has the words of each line of the agent's.
pub fn is_same_text(of_agent: &str, of_slack: &str) -> bool {
    if of_agent == of_slack {
        return true;
    }
    let posted = lines(of_slack);
    let lines_posted: HashSet<&str> = posted.iter().map(String::as_str).collect();
    let sent = [lines(of_agent), lines(&mrkdwn(of_agent))];
    if posted.is_empty() && sent[0].is_empty() {
        // Signs alone, of which Slack names the emoji.
        return of_agent.trim() == of_slack.trim()
            || has_shortcode(of_agent) != has_shortcode(of_slack);
    }
    sent.iter().any(|sent| {
        !sent.is_empty()
            && (sent.iter().all(|line| lines_posted.contains(line.as_str()))
                || sent.concat() == posted.concat())
    })
}

/// The letters and digits of each line that has any.
fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(words);
    lines.filter(|line| !line.is_empty()).collect()
}

fn words(line: &str) -> String {
    let mut words = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = shortcode(rest) {
            rest = &rest[length..];
            continue;
        }
        if let Some((kind, length)) = placeholder(rest) {
            words.push_str(kind);
            rest = &rest[length..];
            continue;
        }
        if first.is_alphanumeric() {
            words.extend(first.to_lowercase());
        }
        rest = &rest[first.len_utf8()..];
    }
    words
}

/// The length of an emoji's name, such as `:tada:`, at the start of a text.
pub(super) fn shortcode(text: &str) -> Option<usize> {
    let (name, _) = text.strip_prefix(':')?.split_once(':')?;
    let is_name = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || b"_+-'".contains(&it);
    (!name.is_empty() && name.bytes().all(is_name)).then(|| name.len() + 2)
}

fn has_shortcode(text: &str) -> bool {
    text.match_indices(':')
        .any(|(at, _)| shortcode(&text[at..]).is_some())
}

/// The kind of a masking placeholder at the start of a text, and its length. Its number depends on what else the
/// conversation has.
fn placeholder(text: &str) -> Option<(&str, usize)> {
    let rest = text.strip_prefix('[')?;
    let end = rest
        .bytes()
        .take(MAX_PLACEHOLDER)
        .position(|it| it == b']')?;
    let name = &rest[..end];
    let (kind, number) = name.split_once('_').unwrap_or((name, ""));
    let is_one = !kind.is_empty()
        && kind.bytes().all(|it| it.is_ascii_uppercase())
        && number.bytes().all(|it| it.is_ascii_digit());
    is_one.then(|| (kind, name.len() + 2))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::is_same_text;

    #[test]
    fn marks_emoji_and_buttons_make_no_other_text() {
        for (of_agent, of_slack) in [
            ("Same text", "Same text"),
            ("It is **on its way**.", "It is on its way."),
            ("It is *on its way*.", "It is on its way."),
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
            (
                "Your refund is on its way.",
                "Your refund is on its way.\nHelpful\nNot helpful",
            ),
            ("one\ntwo", "one two"),
            ("call [PHONE_2]", "call [PHONE_1]"),
            ("환불은 **사흘** 걸립니다", "환불은 사흘 걸립니다"),
        ] {
            assert!(
                is_same_text(of_agent, of_slack),
                "{of_agent:?} {of_slack:?}"
            );
        }
    }

    #[test]
    fn the_time_to_compare_texts_grows_with_their_length_only() {
        let length = 100_000;
        let lines: String = (0..length).map(|n| format!("{n}\n")).collect();
        let other: String = (0..length).rev().map(|n| format!("{n}\n")).collect();
        let begun = Instant::now();
        assert!(is_same_text(&lines, &format!("{other}more")));
        for unit in ["[", ":", "<", "[A_", ":a", "<a|"] {
            let text = unit.repeat(length);
            assert!(
                is_same_text(&format!("a{text}"), &format!("{text}\na")),
                "{unit}"
            );
        }
        // The square of the length takes minutes.
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn other_words_are_another_text() {
        for (of_agent, of_slack) in [
            ("Same text", "Other text"),
            ("hello", "hello again"),
            ("hello again", "hello"),
            ("one\ntwo", "one"),
            ("call [PHONE_1]", "call [EMAIL_1]"),
            ("👍", "👎"),
            ("?", "!"),
            ("", "hello"),
            ("hello", ""),
        ] {
            assert!(
                !is_same_text(of_agent, of_slack),
                "{of_agent:?} {of_slack:?}"
            );
        }
    }
}
