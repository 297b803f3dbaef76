//! Pages: as many items as were asked for, and no more bytes than a reader and a platform take.

use platform::Result;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

/// The texts of a page as they are stored, and its items as JSON, each at most so many bytes and one item.
/// Lambda answers at most 6 MB.
pub const BYTES: usize = 4 * 1024 * 1024;
/// As the values of a statement have it.
pub const STORED_BYTES: i64 = BYTES as i64;

/// What a page is made of, newest first.
pub trait Listed: Serialize {
    fn id(&self) -> Uuid;

    /// Makes one that is larger than a page fit into it, and says in it what was left out.
    fn cut(&mut self);
}

/// Items as JSON, and what to ask for the next page with. `more`: whether there are more than these.
pub fn of<T: Listed>(items: Vec<T>, mut more: bool) -> Result<(Vec<Box<RawValue>>, Option<Uuid>)> {
    let (mut listed, mut last, mut bytes) = (Vec::with_capacity(items.len()), None, 0);
    for mut item in items {
        let mut json = to_raw_value(&item).map_err(anyhow::Error::from)?;
        if json.get().len() > BYTES {
            item.cut();
            json = to_raw_value(&item).map_err(anyhow::Error::from)?;
        }
        bytes += json.get().len();
        if bytes > BYTES && last.is_some() {
            more = true;
            break;
        }
        last = Some(item.id());
        listed.push(json);
    }
    Ok((listed, last.filter(|_| more)))
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
    fn a_page_ends_before_the_item_that_would_make_it_too_large_and_names_the_last_it_has() {
        let text = |n: u128, bytes: usize| Text(Uuid::from_u128(n), "x".repeat(bytes));
        let large = BYTES / 2 - 100;
        let (items, next) =
            of(vec![text(3, large), text(2, large), text(1, large)], false).unwrap();
        assert_eq!((items.len(), next), (2, Some(Uuid::from_u128(2))));
        let (items, next) = of(vec![text(3, 5), text(2, 5)], false).unwrap();
        assert_eq!((items.len(), next), (2, None));
        let (items, next) = of(vec![text(3, 5), text(2, 5)], true).unwrap();
        assert_eq!((items.len(), next), (2, Some(Uuid::from_u128(2))));
        // Control characters are six times as long in JSON.
        let escaped = Text(Uuid::from_u128(4), "\u{1}".repeat(large));
        let (items, next) = of(vec![escaped, text(3, 5)], false).unwrap();
        assert_eq!((items.len(), next), (2, None));
        assert!(items[0].get().ends_with("\"cut\"]"));
    }
}
