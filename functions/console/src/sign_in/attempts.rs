//! The limit of attempts to sign in, per source and for all instances.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use people::People;
use people::keyring::Keyring;
use platform::serve::ClientAddress;
use platform::{Error, Result};

/// How many attempts a source has per minute.
const MOST: i32 = 30;
/// What the key is for.
const PURPOSE: &str = "sign-in source";

/// A step of signing in. Each has a limit of its own, since one sign-in takes several steps.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Begin,
    Callback,
    Credential,
}

/// Counts an attempt.
///
/// # Errors
/// `TooMany` if the source has had its attempts of this minute.
pub async fn count(
    people: &People,
    keyring: &Keyring,
    step: Step,
    ClientAddress(address): ClientAddress,
) -> Result<()> {
    // The database has no addresses, and no digests that a list of all addresses could resolve.
    let source = keyring.sign(PURPOSE, format!("{step:?} {}", network(address)).as_bytes());
    if people.may_try(&source, MOST).await? {
        return Ok(());
    }
    Err(Error::TooMany {
        detail: "too many attempts to sign in from this network: try again in a minute".to_owned(),
        retry_after: Duration::from_secs(60),
    })
}

/// Whoever has an IPv6 address usually has 2^64 of them.
fn network(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_source_is_an_address_or_an_ipv6_network() {
        let network = |text: &str| super::network(Some(text.parse().unwrap()));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network("192.0.2.1"), network("::ffff:192.0.2.1"));
        assert_eq!(network("2001:db8::1"), network("2001:db8::2:3:4:5"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
    }
}
