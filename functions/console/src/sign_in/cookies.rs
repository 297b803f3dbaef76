//! The cookies of a request.

use http::{HeaderMap, header};

/// The value of the cookie with this name. None if there are two: one of them may be from another site on this
/// domain.
pub fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lists = headers.get_all(header::COOKIE).iter();
    let lists = lists.filter_map(|list| list.to_str().ok());
    let pairs = lists.flat_map(|list| list.split(';'));
    let mut values = pairs.filter_map(|pair| {
        let (its, value) = pair.trim().split_once('=')?;
        (its == name).then_some(value)
    });
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// The cookie of a sign-in, if the request has no other credentials.
pub fn sign_in(headers: &HeaderMap) -> Option<&str> {
    if headers.contains_key(header::AUTHORIZATION) {
        return None;
    }
    one(headers, platform::auth::COOKIE)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn one_cookie_of_a_name_is_found_and_two_are_none() {
        for (lists, expected) in [
            (&["a=1; name=2; b=3"][..], Some("2")),
            (&["a=1", "name=2"], Some("2")),
            (&["name=a=b"], Some("a=b")),
            (&["other-name=1; name2=1"], None),
            (&["name=1; name=2"], None),
            (&["name=1", "name=1"], None),
            (&[], None),
        ] {
            let mut headers = HeaderMap::new();
            for list in lists {
                headers.append(header::COOKIE, HeaderValue::from_static(list));
            }
            assert_eq!(one(&headers, "name"), expected, "{lists:?}");
        }
    }
}
