//! Who may sign in.

use anyhow::ensure;
use platform::auth::GOOGLE;
use platform::{All as _, Env};

use crate::hidden::is_hidden;

/// Who may sign in, besides people who were invited. The default is nobody.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Domains, in lower case.
    domains: Vec<String>,
    /// Addresses, in lower case.
    addresses: Vec<String>,
    /// The address of the first admin, in lower case.
    admin: Option<String>,
}

/// What an issuer says about a person, after its ID token was verified.
#[derive(Clone, Debug)]
pub struct Identity {
    pub issuer: String,
    pub subject: String,
    /// None unless the issuer verified that the address belongs to the person.
    pub email: Option<String>,
    /// The domain that manages the account, if the issuer is one that says so.
    pub hosted_domain: Option<String>,
    pub name: Option<String>,
    pub picture: Option<String>,
}

impl Policy {
    /// Reads `SIGN_IN_DOMAINS`, `SIGN_IN_ADDRESSES` and `SIGN_IN_ADMIN`.
    ///
    /// # Errors
    /// If one of them has a value that no person can match.
    pub fn of(env: &Env) -> anyhow::Result<Self> {
        let domain = "a domain such as example.com";
        let address = "an e-mail address";
        let (domains, addresses, admin) = (
            list(env, "SIGN_IN_DOMAINS", is_domain, domain),
            list(env, "SIGN_IN_ADDRESSES", is_address, address),
            admin(env),
        )
            .all()?;
        Ok(Self {
            domains,
            addresses,
            admin,
        })
    }

    /// Whether the person may sign in without an invitation.
    pub fn admits(&self, person: &Identity) -> bool {
        let Some(address) = person.email.as_deref().map(str::to_ascii_lowercase) else {
            return false;
        };
        if self.is_first_admin(person) || self.addresses.contains(&address) {
            return true;
        }
        let of_address = address
            .rsplit_once('@')
            .map(|(_, domain)| domain.to_owned());
        // Google verifies that a person could read mail at an address, once. Only its claim `hd` says that the domain's
        // owner manages the account, and an account outlives the employment otherwise.
        let domain = match person.issuer == GOOGLE {
            true => person.hosted_domain.as_deref().map(str::to_ascii_lowercase),
            false => of_address,
        };
        domain.is_some_and(|domain| self.domains.contains(&domain))
    }

    /// Whether the person is the one who is to be the first admin.
    pub fn is_first_admin(&self, person: &Identity) -> bool {
        let address = person.email.as_deref().map(str::to_ascii_lowercase);
        address.is_some() && address == self.admin
    }
}

/// The address in `SIGN_IN_ADMIN`, in lower case.
fn admin(env: &Env) -> anyhow::Result<Option<String>> {
    let admin = env
        .get("SIGN_IN_ADMIN")
        .map(|it| it.trim().to_ascii_lowercase())
        .filter(|it| !it.is_empty());
    ensure!(
        admin.as_deref().is_none_or(is_address),
        "SIGN_IN_ADMIN is not an e-mail address: set it to one address, without a name"
    );
    Ok(admin)
}

/// The values of a variable, in lower case. An error has the positions of values alone: logs have no addresses.
fn list(
    env: &Env,
    variable: &str,
    is_valid: fn(&str) -> bool,
    kind: &str,
) -> anyhow::Result<Vec<String>> {
    let parts = env.get(variable).unwrap_or_default().split(',');
    let parts = parts.map(|part| part.trim().to_ascii_lowercase());
    let values: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
    let wrong = values.iter().enumerate().filter(|(_, it)| !is_valid(it));
    let wrong: Vec<String> = wrong.map(|(at, _)| (at + 1).to_string()).collect();
    ensure!(
        wrong.is_empty(),
        "{variable}: these of its values are not valid: {}. Set each to {kind}",
        wrong.join(", ")
    );
    Ok(values)
}

fn is_domain(text: &str) -> bool {
    let is_plain = |c: char| c.is_alphanumeric() || c == '-';
    let is_label = |label: &str| {
        let is_whole = !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
        is_whole && label.len() <= 63 && label.chars().all(|c| is_plain(c) && !is_hidden(c))
    };
    text.contains('.') && text.split('.').all(is_label)
}

/// Whether a text can be an e-mail address: something, `@`, and a domain.
pub fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let is_plain = |c: char| !is_hidden(c) && !c.is_whitespace();
    !local.is_empty() && text.len() <= 254 && local.chars().all(is_plain) && is_domain(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(variables: &[(&str, &str)]) -> anyhow::Result<Policy> {
        let env = variables
            .iter()
            .fold(Env::default(), |env, (name, value)| env.with(name, *value));
        Policy::of(&env)
    }

    fn person(issuer: &str, email: Option<&str>, hosted_domain: Option<&str>) -> Identity {
        Identity {
            issuer: issuer.to_owned(),
            subject: "1".to_owned(),
            email: email.map(str::to_owned),
            hosted_domain: hosted_domain.map(str::to_owned),
            name: None,
            picture: None,
        }
    }

    #[test]
    fn an_address_has_one_at_sign_a_domain_of_labels_and_no_invisible_characters() {
        let long = format!("a@{}.example", "x".repeat(64));
        for text in [
            "",
            "a",
            "@h.example",
            "a@h",
            "a@h..example",
            "a@.h.example",
            "a@h.example.",
            "a@-.-",
            "a@-h.example",
            "a@h-.example",
            "a@b@h.example",
            " a@h.example",
            "a@h.example ",
            "a b@h.example",
            "a@h.exa mple",
            &long,
        ] {
            assert!(!is_address(text), "{text:?}");
        }
        for hidden in crate::hidden::HIDDEN {
            for text in [
                format!("a{hidden}@h.example"),
                format!("a@h{hidden}.example"),
                format!("a@h.example{hidden}"),
            ] {
                assert!(!is_address(&text), "{text:?}");
            }
        }
        for text in [
            "a@h.example",
            "a.b+c_d'e@h-1.xn--9t4b11yi5a.example",
            "김@회사.example",
            "..a..@h.example",
        ] {
            assert!(is_address(text), "{text:?}");
        }
    }

    #[test]
    fn nobody_is_admitted_by_default() {
        let policy = policy(&[]).unwrap();
        assert!(!policy.admits(&person("https://id.example", Some("kim@example.com"), None)));
        assert!(!policy.admits(&person("https://id.example", None, None)));
    }

    #[test]
    fn a_domain_is_one_of_the_address_and_at_google_one_that_manages_the_account() {
        let policy = policy(&[("SIGN_IN_DOMAINS", "example.com, Example.org")]).unwrap();
        let other = "https://id.example";
        for (issuer, email, hosted, expected) in [
            (other, Some("kim@example.com"), None, true),
            (other, Some("kim@EXAMPLE.org"), None, true),
            (other, Some("kim@sub.example.com"), None, false),
            (other, Some("kim@notexample.com"), None, false),
            (other, Some("example.com"), None, false),
            (other, Some("kim@example.com@evil.com"), None, false),
            (other, None, Some("example.com"), false),
            (GOOGLE, Some("kim@example.com"), Some("example.com"), true),
            (GOOGLE, Some("kim@example.com"), None, false),
            (GOOGLE, Some("kim@example.com"), Some("evil.com"), false),
        ] {
            let person = person(issuer, email, hosted);
            assert_eq!(policy.admits(&person), expected, "{person:?}");
        }
    }

    #[test]
    fn only_ascii_letters_are_folded() {
        let policy = policy(&[
            ("SIGN_IN_ADDRESSES", "kim@partner.example"),
            ("SIGN_IN_ADMIN", "Kate@example.org"),
        ])
        .unwrap();
        let issuer = "https://id.example";
        // The Kelvin sign, whose lower case is k.
        for (email, expected) in [
            ("KIM@partner.example", true),
            ("\u{212A}im@partner.example", false),
            ("kATE@EXAMPLE.org", true),
            ("\u{212A}ate@example.org", false),
        ] {
            assert_eq!(
                policy.admits(&person(issuer, Some(email), None)),
                expected,
                "{email}"
            );
        }
    }

    #[test]
    fn every_value_that_is_not_valid_is_named_at_once() {
        let error = policy(&[
            ("SIGN_IN_DOMAINS", "one, example.com, two"),
            ("SIGN_IN_ADDRESSES", "example.com"),
            ("SIGN_IN_ADMIN", "kim"),
        ]);
        let error = error.unwrap_err().to_string();
        for part in [
            "SIGN_IN_DOMAINS: these of its values are not valid: 1, 3. Set each to a domain such as example.com",
            "SIGN_IN_ADDRESSES: these of its values are not valid: 1. Set each to an e-mail address",
            "SIGN_IN_ADMIN is not an e-mail address",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }

    #[test]
    fn values_that_nobody_can_match_are_refused_without_being_quoted() {
        for (name, value) in [
            ("SIGN_IN_DOMAINS", "example"),
            ("SIGN_IN_DOMAINS", "*.example.com"),
            ("SIGN_IN_DOMAINS", "kim@example.com"),
            ("SIGN_IN_ADDRESSES", "example.com"),
            ("SIGN_IN_ADMIN", "kim"),
            ("SIGN_IN_ADMIN", "kim@example.com, lee@example.com"),
        ] {
            let error = policy(&[(name, value)]).unwrap_err().to_string();
            assert!(error.starts_with(name), "{error}");
            for quoted in value.split(", ").filter(|it| *it != "example") {
                assert!(!error.contains(quoted), "{error}");
            }
        }
    }
}
