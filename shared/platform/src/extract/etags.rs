//! The tags in `If-Match` and `If-None-Match`, as RFC 9110 defines them.

use http::{HeaderMap, HeaderName};

use crate::Error;

/// The value of a header.
#[derive(Debug, PartialEq, Eq)]
pub enum Tags {
    /// `*`
    Any,
    List(Vec<Tag>),
}

#[derive(Debug, PartialEq, Eq)]
pub struct Tag {
    pub is_weak: bool,
    /// Without the quotes.
    pub text: String,
}

impl Tags {
    /// The tags of a header, which may be sent in several lines; none without the header. A header that is
    /// neither `*` nor a list of tags is invalid.
    pub fn of(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Self>, Error> {
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
            return Ok(Some(Self::Any));
        }
        let tags = list(&joined).filter(|tags| !tags.is_empty());
        tags.map(|tags| Some(Self::List(tags)))
            .ok_or_else(malformed)
    }

    /// Whether the tag is one of these by strong comparison, as `If-Match` compares: a weak tag never matches. `tag`
    /// is the text without quotes.
    pub fn match_strongly(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::List(tags) => tags.iter().any(|known| !known.is_weak && known.text == tag),
        }
    }

    /// Whether the tag is one of these by weak comparison, as `If-None-Match` compares. `tag` is the text
    /// without quotes.
    pub fn match_weakly(&self, tag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::List(tags) => tags.iter().any(|known| known.text == tag),
        }
    }
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
            text: tag.to_owned(),
        });
        rest = after.trim_start();
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;

    fn of(name: &HeaderName, lines: &[&'static str]) -> Result<Option<Tags>, Error> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, HeaderValue::from_static(line));
        }
        Tags::of(&headers, name)
    }

    #[test]
    fn a_list_has_tags_in_quotes_in_one_or_several_lines() {
        let lines = ["\"1\", W/\"2\",, \"a,b\"", "\"\""];
        let found = of(&header::IF_MATCH, &lines).unwrap().unwrap();
        let expected = [(false, "1"), (true, "2"), (false, "a,b"), (false, "")];
        let expected = expected.map(|(is_weak, text)| Tag {
            is_weak,
            text: text.to_owned(),
        });
        assert_eq!(found, Tags::List(expected.into()));
        assert!(found.match_weakly("2") && !found.match_weakly("3"));
        assert!(found.match_strongly("1") && !found.match_strongly("2"));
        let any = of(&header::IF_MATCH, &[" * "]).unwrap().unwrap();
        assert!(any == Tags::Any && any.match_weakly("3"));
        assert_eq!(of(&header::IF_MATCH, &[]).unwrap(), None);
    }

    #[test]
    fn a_malformed_header_is_refused_with_what_to_send() {
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
                let error = of(&name, &[value]).unwrap_err().to_string();
                assert!(error.starts_with(name.as_str()), "{value:?}: {error}");
                assert!(error.contains("in quotes"), "{error}");
            }
        }
        assert!(of(&header::IF_MATCH, &["*", "\"1\""]).is_err());
    }
}
