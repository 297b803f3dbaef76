//! `If-Match` and `If-None-Match` of a change.
//!
//! Each is `*` or a list of tags. A category has its revision as its tag. `*` asks whether there is a value: for a key,
//! whether it is set, and for a category, whether one of its keys is. A default is no value.

use http::{HeaderMap, header};
use platform::Result;
use platform::extract::Tags;
use platform::extract::etags::Tag;

use crate::category::Category;

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
    /// Whether `If-Match` has only weak tags, which never match.
    has_only_weak: bool,
}

/// What a condition is compared with.
pub(crate) struct State {
    pub(crate) revision: i64,
    /// Whether there is a value; see [`Precondition::is_set`].
    pub(crate) is_set: bool,
}

impl Precondition {
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self> {
        let mut condition = Self::default();
        match Tags::of(headers, &header::IF_MATCH)? {
            None => {}
            Some(Tags::Any) => condition.is_set = Some(true),
            Some(Tags::List(tags)) => {
                condition.has_only_weak = tags.iter().all(|tag| tag.is_weak);
                // By strong comparison, which a weak tag never passes.
                let strong = tags.iter().filter(|tag| !tag.is_weak);
                condition.revisions = Some(strong.filter_map(revision).collect());
            }
        }
        match Tags::of(headers, &header::IF_NONE_MATCH)? {
            None => {}
            Some(Tags::Any) => {
                condition.is_impossible = condition.is_set == Some(true);
                condition.is_set = Some(false);
            }
            Some(Tags::List(tags)) => {
                condition.other_than = Some(tags.iter().filter_map(revision).collect());
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

    /// Which condition is not met, and what to do. Without a key, the change is one of the category.
    pub(crate) fn unmet(&self, category: Category, key: Option<&str>, at: &State) -> String {
        if self.is_impossible {
            return "`If-Match: *` and `If-None-Match: *` are never met together: send one of them"
                .to_owned();
        }
        let (set, unset) = match key {
            Some(key) => (
                format!("{category}.{key} is set"),
                format!("{category}.{key} is not set"),
            ),
            None => (
                format!("a key of {category} is set"),
                format!("no key of {category} is set"),
            ),
        };
        let revision = at.revision;
        let is_at = |revisions: &Option<Vec<i64>>| {
            let revisions = revisions.as_ref();
            revisions.is_some_and(|revisions| revisions.contains(&revision))
        };
        if self.is_set == Some(true) && !at.is_set {
            format!(
                "{unset}, and `If-Match: *` requires a value: send the change without `If-Match` to make it anyway"
            )
        } else if self.is_set == Some(false) && at.is_set {
            format!(
                "{set} already, and `If-None-Match: *` requires that there is no value: read it, and send the change \
                 with its ETag in `If-Match`"
            )
        } else if self.has_only_weak {
            format!(
                "a weak tag never matches in `If-Match`: send the ETag \"{revision}\" without `W/`"
            )
        } else if self.revisions.is_some() && !is_at(&self.revisions) {
            format!(
                "{category} is at revision \"{revision}\", which `If-Match` doesn't list: read it again, and send the \
                 change with its new ETag"
            )
        } else if is_at(&self.other_than) {
            format!(
                "{category} is at revision \"{revision}\", which `If-None-Match` excludes: send the change without \
                 `If-None-Match`, or with the ETag in `If-Match`"
            )
        } else {
            format!("{category} has changed meanwhile: read it again, and repeat the change")
        }
    }
}

/// The revision that a tag names; none for a tag that no category has.
fn revision(tag: &Tag) -> Option<i64> {
    let revision: i64 = tag.text.parse().ok()?;
    // `03` is another tag than `3`.
    (revision.to_string() == tag.text).then_some(revision)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn of(lines: &[(HeaderName, &'static str)]) -> Result<Precondition> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_static(value));
        }
        Precondition::of(&headers)
    }

    #[test]
    fn weak_tags_match_only_if_none_match_and_a_tag_matches_only_as_it_is_written() {
        let found = of(&[
            (
                header::IF_MATCH,
                "\"1\", W/\"2\",, \"1.0.4\", \"a,b\", \"03\", \"+4\"",
            ),
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
}
