//! Pages of lists: limited by the number of items and by their size.

use platform::Result;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;
use uuid::Uuid;

/// The most bytes per page, both of texts as they are stored and of items as JSON, unless a single item is
/// larger. A response of Lambda has at most 6 MB.
pub const BYTES: usize = 4 * 1024 * 1024;
/// The same, as the value of a statement.
pub const STORED_BYTES: i64 = BYTES as i64;

/// What a list has only if its caller asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Include {
    /// What was erased. Only its id and its times are left.
    Erased,
}

/// An item of a page. Pages are in descending order of ids.
pub trait Listed: Serialize {
    fn id(&self) -> Uuid;

    /// Shortens an item that is larger than a page until it fits, and marks it as shortened.
    fn cut(&mut self);
}

/// Returns the items as JSON, and the cursor of the next page if there is one. `has_more`: whether there are more
/// items than these.
pub fn of<T: Listed>(
    items: Vec<T>,
    mut has_more: bool,
) -> Result<(Vec<Box<RawValue>>, Option<Uuid>)> {
    let (mut listed, mut last, mut bytes) = (Vec::with_capacity(items.len()), None, 0);
    for mut item in items {
        let mut json = to_raw_value(&item).map_err(anyhow::Error::from)?;
        if json.get().len() > BYTES {
            item.cut();
            json = to_raw_value(&item).map_err(anyhow::Error::from)?;
        }
        bytes += json.get().len();
        if bytes > BYTES && last.is_some() {
            has_more = true;
            break;
        }
        last = Some(item.id());
        listed.push(json);
    }
    Ok((listed, last.filter(|_| has_more)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Text(Uuid, String);

    impl Listed for Text {
        fn id(&self) -> Uuid {
            self.0
        }

        fn cut(&mut self) {
            self.1 = "cut".to_owned();
        }
    }

    #[test]
    fn a_page_ends_before_the_item_that_would_make_it_too_large() {
        let text = |n: u128, bytes: usize| Text(Uuid::from_u128(n), "x".repeat(bytes));
        let large = BYTES / 2 - 100;
        let (items, next) =
            of(vec![text(3, large), text(2, large), text(1, large)], false).unwrap();
        assert_eq!((items.len(), next), (2, Some(Uuid::from_u128(2))));
        let (items, next) = of(vec![text(3, 5), text(2, 5)], false).unwrap();
        assert_eq!((items.len(), next), (2, None));
        let (items, next) = of(vec![text(3, 5), text(2, 5)], true).unwrap();
        assert_eq!((items.len(), next), (2, Some(Uuid::from_u128(2))));
        // JSON writes a control character as six bytes.
        let escaped = Text(Uuid::from_u128(4), "\u{1}".repeat(large));
        let (items, next) = of(vec![escaped, text(3, 5)], false).unwrap();
        assert_eq!((items.len(), next), (2, None));
        assert!(items[0].get().ends_with("\"cut\"]"));
    }
}
