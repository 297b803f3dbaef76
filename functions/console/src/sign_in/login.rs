//! Logins that are in progress: what a browser keeps, encrypted, while the person is at the issuer.
//!
//! Each login has a cookie of its own: tabs that a browser restores at once begin their logins with the same cookies, and
//! with one cookie for all of them, the last response would replace the logins of the others.

use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, header};
use people::keyring::Keyring;
use platform::auth;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What the name of each cookie begins with.
const COOKIE: &str = "__Host-metasync-sign-in-";
/// The bytes of the digest of the state in the name of a cookie.
const DIGEST_BYTES: usize = 9;
/// What the key is for.
const PURPOSE: &str = "sign-in login";
/// How long a person may take at the issuer.
const VALID_FOR: Duration = Duration::from_secs(10 * 60);
/// The most logins of a browser.
const MOST: usize = 5;
/// The most bytes of all these cookies: gateways limit the headers of a request, such as to 10 KB.
const MOST_BYTES: usize = 6_000;

/// One login. Each has its own secrets.
#[derive(Clone, Serialize, Deserialize)]
pub struct Login {
    /// Comes back from the issuer with the browser that began.
    pub state: String,
    /// Comes back in the ID token.
    pub nonce: String,
    /// Proves to the issuer that the code is redeemed by whoever began.
    pub verifier: String,
    /// The issuer to which the person was sent.
    pub issuer: String,
    pub return_to: String,
    /// When it began, in seconds since 1970.
    pub at: u64,
}

impl Login {
    /// The login with this state, if it began in this browser and can still be completed at this time.
    pub fn open(keyring: &Keyring, headers: &HeaderMap, state: &str, now: u64) -> Option<Self> {
        let login = opened(keyring, headers, &name(state), now)?;
        let has_state: bool = login.state.as_bytes().ct_eq(state.as_bytes()).into();
        has_state.then_some(login)
    }

    /// The header that keeps the login in the browser.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn header(&self, keyring: &Keyring) -> anyhow::Result<HeaderValue> {
        let json = serde_json::to_vec(self).expect("texts and numbers are JSON");
        let sealed = keyring.seal(PURPOSE, json)?;
        let value = URL_SAFE_NO_PAD.encode(sealed);
        cookie(&name(&self.state), &value, VALID_FOR).context("a cookie is ASCII")
    }

    /// The header that removes the login from the browser.
    pub fn removed(&self) -> HeaderValue {
        removed(&name(&self.state))
    }
}

/// The headers that remove cookies for which a further one of this size leaves no place: the oldest ones, and those that
/// lead to no login.
pub fn dispensable(
    keyring: &Keyring,
    headers: &HeaderMap,
    now: u64,
    mut bytes: usize,
) -> Vec<HeaderValue> {
    let names = names(headers);
    let began = |name: &str| opened(keyring, headers, name, now).map(|login| login.at);
    let mut logins: Vec<_> = names.iter().map(|name| (began(name), name)).collect();
    // The newest ones first; what is no login comes last.
    logins.sort_unstable();
    let kept = logins.iter().rev().take(MOST - 1).take_while(|(at, name)| {
        let value = auth::cookie(headers, name).ok().flatten();
        bytes += name.len() + value.unwrap_or_default().len();
        at.is_some() && bytes <= MOST_BYTES
    });
    let rest = logins.len() - kept.count();
    logins[..rest]
        .iter()
        .map(|(_, name)| removed(name))
        .collect()
}

fn opened(keyring: &Keyring, headers: &HeaderMap, name: &str, now: u64) -> Option<Login> {
    // Two cookies of a name are none: one of them may be planted.
    let sealed = auth::cookie(headers, name).ok()??;
    let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let json = keyring.open(PURPOSE, &sealed)?;
    let login: Login = serde_json::from_slice(&json).ok()?;
    (now.saturating_sub(login.at) < VALID_FOR.as_secs()).then_some(login)
}

/// The names of the cookies of logins in a request.
fn names(headers: &HeaderMap) -> Vec<String> {
    let lists = headers.get_all(header::COOKIE).iter();
    let pairs = lists.flat_map(|list| list.as_bytes().split(|byte| *byte == b';'));
    let names = pairs.filter_map(|pair| {
        let name = pair.split(|byte| *byte == b'=').next()?.trim_ascii();
        let name = std::str::from_utf8(name).ok()?;
        let digest = name.strip_prefix(COOKIE)?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        digest.bytes().all(is_plain).then(|| name.to_owned())
    });
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The name of the cookie of a login. A digest, since others see cookies more easily than they see a state.
fn name(state: &str) -> String {
    let digest = Sha256::digest(state);
    format!(
        "{COOKIE}{}",
        URL_SAFE_NO_PAD.encode(&digest[..DIGEST_BYTES])
    )
}

fn removed(name: &str) -> HeaderValue {
    cookie(name, "", Duration::ZERO).expect("a name in plain ASCII")
}

fn cookie(
    name: &str,
    value: &str,
    lasts: Duration,
) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let seconds = lasts.as_secs();
    HeaderValue::try_from(format!(
        "{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax"
    ))
}

#[cfg(test)]
mod tests {
    use platform::Env;

    use super::*;

    fn keyring(digit: &str) -> Keyring {
        Keyring::of(&Env::default().with("METASYNC_KEYS", digit.repeat(64))).unwrap()
    }

    fn login(state: &str, return_to: &str, at: u64) -> Login {
        let secret = || "s".repeat(43);
        Login {
            state: state.to_owned(),
            nonce: secret(),
            verifier: secret(),
            issuer: "https://accounts.google.com".to_owned(),
            return_to: return_to.to_owned(),
            at,
        }
    }

    /// The request of a browser that got these logins.
    fn sent(logins: &[Login]) -> HeaderMap {
        let cookies = logins.iter().map(|login| {
            let header = login.header(&keyring("1")).unwrap();
            assert!(header.len() <= 4_096, "{}", header.len());
            let cookie = header.to_str().unwrap().split(';').next().unwrap();
            cookie.to_owned()
        });
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&cookies).unwrap())])
    }

    /// The names of the cookies that are removed for a further login.
    fn removed_from(headers: &HeaderMap, now: u64, bytes: usize) -> Vec<String> {
        let removed = dispensable(&keyring("1"), headers, now, bytes);
        let names = removed.iter().map(|header| {
            let (name, rest) = header.to_str().unwrap().split_once('=').unwrap();
            assert!(rest.starts_with("; Path=/; Max-Age=0;"), "{rest}");
            name.to_owned()
        });
        names.collect()
    }

    #[test]
    fn a_login_comes_back_to_the_same_service_for_ten_minutes() {
        let headers = sent(&[login("one", "/a", 1_000), login("two", "/b", 1_001)]);
        assert!(!headers[header::COOKIE].to_str().unwrap().contains("sss"));
        let open = |digit: &str, state: &str, now: u64| {
            let login = Login::open(&keyring(digit), &headers, state, now);
            login.map(|login| login.return_to)
        };
        assert_eq!(open("1", "one", 1_599).unwrap(), "/a");
        assert_eq!(open("1", "two", 1_599).unwrap(), "/b");
        for (digit, state, now) in [
            ("1", "one", 1_600),
            ("2", "one", 1_000),
            ("1", "three", 1_000),
        ] {
            assert_eq!(open(digit, state, now), None, "{digit} {state} {now}");
        }
    }

    #[test]
    fn a_cookie_under_the_name_of_another_login_is_none() {
        let mut swapped = sent(&[login("one", "/a", 1_000)]);
        let value = swapped[header::COOKIE]
            .to_str()
            .unwrap()
            .replace(&name("one"), &name("two"));
        swapped.insert(header::COOKIE, value.parse().unwrap());
        assert!(Login::open(&keyring("1"), &swapped, "two", 1_000).is_none());
    }

    #[test]
    fn a_browser_keeps_the_newest_five_logins_as_far_as_headers_have_place() {
        let small: Vec<_> = (0..7)
            .map(|number| login(&format!("small-{number}"), "/a", 1_000 + number))
            .collect();
        assert_eq!(removed_from(&sent(&small[..4]), 1_010, 400), [""; 0]);
        let expected = [name("small-0"), name("small-1"), name("small-2")];
        assert_eq!(removed_from(&sent(&small), 1_010, 400), expected);

        let long = format!("/{}", "a".repeat(1_999));
        let large: Vec<_> = (0..3)
            .map(|number| login(&format!("large-{number}"), &long, 1_000 + number))
            .collect();
        let expected = [name("large-0"), name("large-1")];
        assert_eq!(removed_from(&sent(&large), 1_010, 2_000), expected);
        // Those that have expired, or are from another service, first.
        assert_eq!(removed_from(&sent(&small[..2]), 1_601, 400).len(), 2);
        let foreign = format!("{COOKIE}x=1; {COOKIE}x=2; {COOKIE}\u{fc}=3; other=4");
        let foreign = HeaderValue::from_bytes(foreign.as_bytes()).unwrap();
        let foreign = HeaderMap::from_iter([(header::COOKIE, foreign)]);
        assert_eq!(removed_from(&foreign, 1_000, 400), [format!("{COOKIE}x")]);
    }
}
