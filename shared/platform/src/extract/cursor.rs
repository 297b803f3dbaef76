//! The cursors of pages.

use std::borrow::Cow;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};

use super::wording::must_be;

/// The place after a page, which the response with the page states as its `next`. A caller sends it back as it
/// is, so that whatever it consists of, another text is refused in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor<T>(pub T);

impl<'de, T: FromStr> Deserialize<'de> for Cursor<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        let place = text.parse().map(Self);
        place.map_err(|_| D::Error::custom(must_be("the `next` of the previous page", &text)))
    }
}
