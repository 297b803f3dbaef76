//! The address of the client of a request, behind as many proxies as the configuration says.
//!
//! `FORWARDED_HOPS` is the number of proxies in front of the server (default: 1 on Cloud Run, otherwise 0). Each of
//! them adds the address of its own client to `X-Forwarded-For`; whatever comes before was sent by the client. On
//! Lambda the gateway names the address.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;

use crate::Env;

/// The address of the client. None if it is unknown, as for triggers. It is personal data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or_default())
    }
}

/// The number of proxies in front of the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hops(u16);

impl Hops {
    pub(super) fn new(env: &Env) -> anyhow::Result<Self> {
        let default = u16::from(env.get("K_SERVICE").is_some());
        env.parse("FORWARDED_HOPS", default).map(Self)
    }

    /// The address of the client whose request arrived from `peer`.
    pub(super) fn client(self, headers: &HeaderMap, peer: Option<IpAddr>) -> ClientAddress {
        let forwarded = match self.0 {
            0 => None,
            hops => forwarded(headers, hops.into()),
        };
        ClientAddress(forwarded.or(peer).map(|address| address.to_canonical()))
    }
}

/// The address in the n-th last entry of `X-Forwarded-For`.
pub(super) fn forwarded(headers: &HeaderMap, n: usize) -> Option<IpAddr> {
    let lists = headers.get_all("x-forwarded-for").iter();
    // What the client sent may have any bytes.
    let mut entries = lists.flat_map(|list| list.as_bytes().split(|byte| *byte == b','));
    let entry = entries.nth_back(n.checked_sub(1)?)?;
    let entry = std::str::from_utf8(entry).ok()?.trim();
    let address = entry.parse().ok();
    // Some proxies add the port.
    address.or_else(|| entry.parse::<SocketAddr>().ok().map(|it| it.ip()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_address_is_the_entry_that_the_outermost_proxy_added() {
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        for (hops, forwarded, expected) in [
            (0, "192.0.2.1", "10.0.0.1"),
            (1, "192.0.2.1", "192.0.2.1"),
            (1, "6.6.6.6, 192.0.2.1", "192.0.2.1"),
            (2, "6.6.6.6, 192.0.2.1, 10.0.0.9", "192.0.2.1"),
            (1, "192.0.2.1:55123", "192.0.2.1"),
            (1, "2001:db8::1", "2001:db8::1"),
            (1, "[2001:db8::1]:443", "2001:db8::1"),
            (1, "::ffff:192.0.2.1", "192.0.2.1"),
            // Without such an entry the request came past the proxies.
            (2, "6.6.6.6", "10.0.0.1"),
            (1, "6.6.6.6, unknown", "10.0.0.1"),
            (1, "6.6.6.6,", "10.0.0.1"),
        ] {
            let headers = [(http::HeaderName::from_static("x-forwarded-for"), forwarded)];
            let headers = headers
                .into_iter()
                .map(|(name, value)| (name, value.parse().unwrap()))
                .collect();
            let found = Hops(hops).client(&headers, Some(peer)).0.unwrap();
            assert_eq!(found.to_string(), expected, "{hops} {forwarded}");
        }
        assert_eq!(Hops(1).client(&HeaderMap::new(), None), ClientAddress(None));
    }

    #[test]
    fn entries_of_several_headers_count_in_their_order() {
        let mut headers = HeaderMap::new();
        for value in ["6.6.6.6", "192.0.2.1, 10.0.0.9"] {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let found = Hops(2).client(&headers, None).0.unwrap();
        assert_eq!(found.to_string(), "192.0.2.1");
    }

    #[test]
    fn bytes_that_the_client_sent_hide_no_entry_of_a_proxy() {
        let mut headers = HeaderMap::new();
        let sent = HeaderValue::from_bytes(b"6.6.6.6 \xff, 192.0.2.1, 10.0.0.9").unwrap();
        headers.append("x-forwarded-for", sent);
        for (hops, expected) in [(1, "10.0.0.9"), (2, "192.0.2.1")] {
            let found = Hops(hops).client(&headers, None).0.unwrap();
            assert_eq!(found.to_string(), expected);
        }
        assert_eq!(Hops(3).client(&headers, None).0, None);
    }

    #[test]
    fn cloud_run_is_one_proxy_by_default() {
        let hops = |env: Env| Hops::new(&env).unwrap().0;
        assert_eq!(hops(Env::default()), 0);
        let cloud_run = Env::default().with("K_SERVICE", "metasync");
        assert_eq!(hops(cloud_run.clone()), 1);
        assert_eq!(hops(cloud_run.with("FORWARDED_HOPS", "2")), 2);
    }
}
