//! The limit of a page.

use crate::{Error, Result};

/// The most items per page.
const MAX_ITEMS: i64 = 200;

/// How many items a page has at most, which the request may state.
///
/// # Errors
/// `Invalid` unless that is 1 to 200.
pub fn page_limit(requested: Option<i64>, default: i64) -> Result<i64> {
    let limit = requested.unwrap_or(default);
    if (1..=MAX_ITEMS).contains(&limit) {
        return Ok(limit);
    }
    Err(Error::Invalid(format!(
        "limit is {limit}: use 1 to {MAX_ITEMS}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_1_to_200_items() {
        assert_eq!(page_limit(None, 50).unwrap(), 50);
        for limit in [1, 200] {
            assert_eq!(page_limit(Some(limit), 50).unwrap(), limit);
        }
        for limit in [i64::MIN, -1, 0, 201, i64::MAX] {
            let error = page_limit(Some(limit), 50).unwrap_err().to_string();
            assert_eq!(error, format!("limit is {limit}: use 1 to 200"));
        }
    }
}
