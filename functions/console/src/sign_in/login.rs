//! Logins that are in progress: what a browser keeps, encrypted, while the person is at the issuer.

use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue};
use people::keyring::Keyring;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::cookies;

/// The name of the cookie.
pub const COOKIE: &str = "__Host-metasync-sign-in";
/// What the key is for.
const PURPOSE: &str = "sign-in login";
/// How long a person may take at the issuer.
const VALID_FOR: Duration = Duration::from_secs(10 * 60);
/// The largest content of the cookie, in bytes before encryption. Browsers drop cookies of more than 4,096 characters.
const MOST_BYTES: usize = 2_900;

/// One login. Each has its own secrets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

/// The logins of a browser, oldest first: one per tab.
#[derive(Debug, Default, PartialEq)]
pub struct Logins(Vec<Login>);

impl Logins {
    /// The logins that can still be completed at this time. None if the cookie is missing, or not from this service.
    pub fn open(keyring: &Keyring, headers: &HeaderMap, now: u64) -> Self {
        let sealed = cookies::one(headers, COOKIE);
        let sealed = sealed.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let opened = sealed.and_then(|sealed| keyring.open(PURPOSE, &sealed));
        let mut logins: Vec<Login> = opened
            .and_then(|json| serde_json::from_slice(&json).ok())
            .unwrap_or_default();
        logins.retain(|login| now.saturating_sub(login.at) < VALID_FOR.as_secs());
        Self(logins)
    }

    /// Adds a login. If the cookie would be too large, the oldest ones are dropped.
    pub fn add(&mut self, login: Login) {
        self.0.push(login);
        while self.0.len() > 1 && self.json().len() > MOST_BYTES {
            self.0.remove(0);
        }
    }

    /// Removes and returns the login with this state.
    pub fn take(&mut self, state: &str) -> Option<Login> {
        let has_state =
            |login: &Login| -> bool { login.state.as_bytes().ct_eq(state.as_bytes()).into() };
        let at = self.0.iter().position(has_state)?;
        Some(self.0.remove(at))
    }

    /// The header that keeps the logins in the browser, or removes the cookie if there is none.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn header(&self, keyring: &Keyring) -> anyhow::Result<HeaderValue> {
        let (value, seconds) = match self.0.is_empty() {
            true => (String::new(), 0),
            false => {
                let sealed = keyring.seal(PURPOSE, self.json())?;
                (URL_SAFE_NO_PAD.encode(sealed), VALID_FOR.as_secs())
            }
        };
        let text =
            format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax");
        HeaderValue::try_from(text).context("a cookie is ASCII")
    }

    fn json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).expect("texts and numbers are JSON")
    }
}

#[cfg(test)]
mod tests {
    use http::header;
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
    fn sent(logins: &Logins) -> HeaderMap {
        let header = logins.header(&keyring("1")).unwrap();
        let cookie = header.to_str().unwrap().split(';').next().unwrap();
        let cookie = HeaderValue::from_str(cookie).unwrap();
        HeaderMap::from_iter([(header::COOKIE, cookie)])
    }

    #[test]
    fn a_login_comes_back_to_the_same_service_for_ten_minutes() {
        let mut logins = Logins::default();
        logins.add(login("one", "/a", 1_000));
        let headers = sent(&logins);
        assert!(!headers[header::COOKIE].to_str().unwrap().contains("sss"));
        assert_eq!(Logins::open(&keyring("1"), &headers, 1_599), logins);
        assert_eq!(
            Logins::open(&keyring("1"), &headers, 1_600),
            Logins::default()
        );
        assert_eq!(
            Logins::open(&keyring("2"), &headers, 1_000),
            Logins::default()
        );
    }

    #[test]
    fn each_tab_has_its_login_and_completes_it_once() {
        let mut logins = Logins::default();
        logins.add(login("one", "/a", 1_000));
        logins.add(login("two", "/b", 1_001));
        let mut logins = Logins::open(&keyring("1"), &sent(&logins), 1_002);
        assert_eq!(logins.take("three"), None);
        assert_eq!(logins.take("one").unwrap().return_to, "/a");
        assert_eq!(logins.take("one"), None);
        let removed = |logins: &Logins| {
            let header = logins.header(&keyring("1")).unwrap();
            header.to_str().unwrap().contains("Max-Age=0")
        };
        assert!(!removed(&logins));
        assert_eq!(logins.take("two").unwrap().return_to, "/b");
        assert!(removed(&logins));
    }

    #[test]
    fn the_cookie_stays_small_enough_for_browsers() {
        let mut logins = Logins::default();
        for number in 0..50 {
            logins.add(login(&format!("small-{number}"), "/a", 1_000));
        }
        assert!(logins.take("small-49").is_some() && logins.take("small-44").is_some());
        let longest = format!("/{}", "a".repeat(1_999));
        logins.add(login("large", &longest, 1_000));
        let header = logins.header(&keyring("1")).unwrap();
        assert!(header.len() <= 4_096, "{}", header.len());
        assert!(logins.take("large").is_some());
    }
}
