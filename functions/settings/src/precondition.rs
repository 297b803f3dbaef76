//! `If-Match` and `If-None-Match` of a change, as RFC 9110 defines them.
//!
//! Each is `*` or a list of tags. A category has its revision as its tag. `*` asks whether there is a value: for a key,
//! whether it is set, and for a category, whether one of its keys is. A default is no value.

use http::{HeaderMap, HeaderName, header};
use platform::{Error, Result};

/// The conditions under which a change is made. All of them must hold.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Precondition {
    /// The revisions of `If-Match`: the category is at one of them.
    pub(crate) revisions: Option<Vec<i64>>,
    /// The revisions of `If-None-Match`: the category is at none of them.
    pub(crate) other_than: Option<Vec<i64>>,
    /// Whether there must be a value (`If-Match: *`), or must be none (`If-None-Match: *`).
    pub(crate) is_set: Option<bool>,
    /// Both at once, which never hold.
    pub(crate) is_impossible: bool,
}

/// The value of a header.
enum Tags {
    Any,
    List(Vec<Tag>),
}

struct Tag {
    is_weak: bool,
    /// None for a tag that no category has.
    revision: Option<i64>,
}

impl Precondition {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self> {
        let mut condition = Self::default();
        match tags(headers, &header::IF_MATCH)? {
            None => {}
            Some(Tags::Any) => condition.is_set = Some(true),
            Some(Tags::List(tags)) => {
                // By strong comparison, which a weak tag never passes.
                let strong = tags.into_iter().filter(|tag| !tag.is_weak);
                condition.revisions = Some(strong.filter_map(|tag| tag.revision).collect());
            }
        }
        match tags(headers, &header::IF_NONE_MATCH)? {
            None => {}
            Some(Tags::Any) => {
                condition.is_impossible = condition.is_set == Some(true);
                condition.is_set = Some(false);
            }
            Some(Tags::List(tags)) => {
                let revisions = tags.into_iter().filter_map(|tag| tag.revision);
                condition.other_than = Some(revisions.collect());
            }
        }
        Ok(condition)
    }

    /// Whether it holds for settings that were never changed: at revision 0, and without a value.
    pub(crate) fn allows_new(&self) -> bool {
        let has = |revisions: &Vec<i64>| revisions.contains(&0);
        self.revisions.as_ref().is_none_or(has)
            && !self.other_than.as_ref().is_some_and(has)
            && self.is_set != Some(true)
    }
}

/// The tags of a header, which may be sent in several lines; none without the header.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>> {
    let malformed = || {
        Error::Invalid(format!(
            "{name} is malformed: send `*`, or one or more ETags in quotes, such as \"3\", separated by commas"
        ))
    };
    let lines = headers.get_all(name).into_iter();
    let lines: Option<Vec<&str>> = lines.map(|line| line.to_str().ok()).collect();
    let lines = lines.ok_or_else(malformed)?;
    if lines.is_empty() {
        return Ok(None);
    }
    let joined = lines.join(",");
    if joined.trim() == "*" {
        return Ok(Some(Tags::Any));
    }
    let tags = list(&joined).filter(|tags| !tags.is_empty());
    tags.map(|tags| Some(Tags::List(tags)))
        .ok_or_else(malformed)
}

/// A comma in quotes is a part of a tag.
fn list(text: &str) -> Option<Vec<Tag>> {
    let mut tags = Vec::new();
    let mut rest = text.trim_start();
    loop {
        // A list may have empty elements.
        while let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
        }
        if rest.is_empty() {
            return Some(tags);
        }
        let (is_weak, quoted) = match rest.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
        if tag.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return None;
        }
        tags.push(Tag {
            is_weak,
            revision: tag.parse().ok(),
        });
        rest = after.trim_start();
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(lines: &[(HeaderName, &'static str)]) -> Result<Precondition> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_static(value));
        }
        Precondition::of(&headers)
    }

    #[test]
    fn a_list_has_tags_in_quotes_and_weak_tags_match_only_if_none_match() {
        let found = of(&[
            (header::IF_MATCH, "\"1\", W/\"2\",, \"1.0.4\", \"a,b\""),
            (header::IF_MATCH, "\"5\""),
            (header::IF_NONE_MATCH, "W/\"3\", \"4\""),
        ]);
        let expected = Precondition {
            revisions: Some(vec![1, 5]),
            other_than: Some(vec![3, 4]),
            ..Precondition::default()
        };
        assert_eq!(found.unwrap(), expected);
        assert_eq!(of(&[]).unwrap(), Precondition::default());
    }

    #[test]
    fn a_star_asks_for_a_value_or_for_none() {
        assert_eq!(of(&[(header::IF_MATCH, "*")]).unwrap().is_set, Some(true));
        let none = of(&[(header::IF_NONE_MATCH, " * ")]).unwrap();
        assert_eq!(none.is_set, Some(false));
        let both = of(&[(header::IF_MATCH, "*"), (header::IF_NONE_MATCH, "*")]);
        assert!(both.unwrap().is_impossible);
    }

    #[test]
    fn a_malformed_header_is_refused() {
        for value in [
            "",
            ",",
            "3",
            "\"3",
            "3\"",
            "'3'",
            "w/\"3\"",
            "W/3",
            "W/ \"3\"",
            "\"1\" \"2\"",
            "*, \"1\"",
            "\"1\", *",
            "**",
            "\"a b\"",
        ] {
            for name in [header::IF_MATCH, header::IF_NONE_MATCH] {
                let error = of(&[(name.clone(), value)]).unwrap_err().to_string();
                assert!(error.starts_with(name.as_str()), "{value:?}: {error}");
                assert!(error.contains("in quotes"), "{error}");
            }
        }
        assert!(of(&[(header::IF_MATCH, "*"), (header::IF_MATCH, "\"1\"")]).is_err());
    }
}
