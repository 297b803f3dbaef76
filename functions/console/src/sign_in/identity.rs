//! The person in an ID token.

use people::policy::{Identity, is_address};
use platform::{Error, Result};
use serde_json::{Map, Value};

/// The longest `sub` of OpenID Connect, in characters.
const LONGEST_SUBJECT: usize = 255;
const LONGEST_NAME: usize = 200;
const LONGEST_PICTURE: usize = 2_000;

/// The identity in the claims of a verified ID token.
///
/// # Errors
/// `Unauthenticated` if they name nobody.
pub fn of_claims(issuer: &str, claims: &Map<String, Value>) -> Result<Identity> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let is_plain = |text: &str| !text.contains(char::is_control);
    let subject = text("sub").filter(|it| !it.is_empty() && is_plain(it));
    let subject = subject.filter(|it| it.chars().count() <= LONGEST_SUBJECT);
    let subject = subject.ok_or_else(|| {
        Error::Unauthenticated("the ID token doesn't say who the person is".to_owned())
    })?;
    // Some issuers write the boolean as a text.
    let is_verified = match claims.get("email_verified") {
        Some(Value::Bool(is_verified)) => *is_verified,
        Some(Value::String(text)) => text == "true",
        _ => false,
    };
    let email = text("email").filter(|it| is_verified && is_address(it));
    let name = text("name").map(str::trim).filter(|it| is_plain(it));
    let name = name.map(|it| it.chars().take(LONGEST_NAME).collect::<String>());
    let picture = text("picture").filter(|it| it.len() <= LONGEST_PICTURE && is_plain(it));
    let picture = picture.filter(|it| url::Url::parse(it).is_ok_and(|it| it.scheme() == "https"));
    Ok(Identity {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        email: email.map(str::to_owned),
        hosted_domain: text("hd").map(str::to_owned),
        name: name.filter(|it| !it.is_empty()),
        picture: picture.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn identity(claims: &Value) -> Result<Identity> {
        of_claims("https://id.example", claims.as_object().unwrap())
    }

    #[test]
    fn an_address_counts_only_if_the_issuer_verified_it() {
        for (verified, expected) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
            (json!("false"), false),
            (json!("True "), false),
            (json!(1), false),
            (json!(null), false),
        ] {
            let claims =
                json!({"sub": "1", "email": "kim@example.com", "email_verified": verified});
            let email = identity(&claims).unwrap().email;
            assert_eq!(email.is_some(), expected, "{verified}");
        }
        let without = json!({"sub": "1", "email": "kim@example.com"});
        assert_eq!(identity(&without).unwrap().email, None);
        let strange = json!({"sub": "1", "email": "kim\n@example.com", "email_verified": true});
        assert_eq!(identity(&strange).unwrap().email, None);
    }

    #[test]
    fn what_is_shown_is_short_and_harmless() {
        let claims = json!({"sub": "1", "name": "K".repeat(1_000), "picture": "https://a.example/1.png",
            "hd": "example.com"});
        let person = identity(&claims).unwrap();
        assert_eq!(person.name.unwrap().len(), LONGEST_NAME);
        assert_eq!(person.picture.unwrap(), "https://a.example/1.png");
        assert_eq!(person.hosted_domain.unwrap(), "example.com");
        for picture in [
            "http://a.example/1.png",
            "javascript:alert(1)",
            "data:image/png;base64,AA",
            "//a.example",
        ] {
            let claims = json!({"sub": "1", "name": "a\u{0}b", "picture": picture});
            let person = identity(&claims).unwrap();
            assert_eq!((person.name, person.picture), (None, None), "{picture}");
        }
    }

    #[test]
    fn a_token_that_names_nobody_is_refused() {
        for subject in [
            json!(null),
            json!(""),
            json!(7),
            json!("a\u{0}"),
            json!("a".repeat(256)),
        ] {
            assert!(identity(&json!({"sub": subject})).is_err(), "{subject}");
        }
    }
}
