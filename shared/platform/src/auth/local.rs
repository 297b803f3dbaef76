//! Protection of the open mode against web pages. A browser on this machine can send requests of any page
//! to loopback, under the page's own host name once its DNS points there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{HeaderMap, HeaderName, Uri, header};
use url::{Host, Url};

use crate::Error;

/// Refuses requests to another host name than this machine's, and requests by pages of another origin than this and
/// the allowed ones.
///
/// A request names its host in `Host`, in its target (`:authority` on HTTP/2, an absolute URL on
/// HTTP/1.1), or in both.
pub(super) fn check(headers: &HeaderMap, target: &Uri, allowed: &[String]) -> Result<(), Error> {
    let one = |name| one(headers, name).map_err(|reason| refused(&reason));
    let host = one(&header::HOST)?;
    let target = target.authority().map(http::uri::Authority::as_str);
    if let (Some(host), Some(target)) = (host, target)
        && !host.eq_ignore_ascii_case(target)
    {
        return Err(refused("send the same host in `Host` and in the target"));
    }
    let host = target.or(host);
    if host.is_some_and(|host| !is_local(host)) {
        return Err(refused(
            "send `Host: localhost`, `127.0.0.1` or `[::1]`, with or without a port",
        ));
    }
    // Browsers send the page's origin with every request that can change something.
    match (one(&header::ORIGIN)?, host) {
        (None, _) => Ok(()),
        (Some(origin), Some(host)) if origin.strip_prefix("http://") == Some(host) => Ok(()),
        (Some(origin), Some(_)) if allowed.iter().any(|allowed| allowed == origin) => Ok(()),
        (Some(_), _) => Err(refused("web pages of another origin can't call it")),
    }
}

/// The header, which must not be there twice: a proxy might check one of them, and this process the other. An error
/// says what to send.
pub(super) fn one<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, String> {
    let mut values = headers.get_all(name).iter();
    let (value, None) = (values.next(), values.next()) else {
        return Err(format!("send one `{name}` header"));
    };
    let value = value.map(|value| value.to_str()).transpose();
    value.map_err(|_| "send headers in ASCII".to_owned())
}

fn refused(reason: &str) -> Error {
    Error::Forbidden(format!(
        "this function is open to local callers only: {reason}"
    ))
}

/// Whether an authority is a name or an address of this machine, and at most a port, letter by letter. The
/// parser of URLs is too lenient: for it, `localhost\.example` is `localhost`, and `user@` is no part of
/// the host.
fn is_local(authority: &str) -> bool {
    let (host, port) = match authority.rfind(':') {
        Some(at) if !authority.ends_with(']') => (&authority[..at], Some(&authority[at + 1..])),
        _ => (authority, None),
    };
    let is_digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let is_port = |port: &str| is_digits(port) && port.parse::<u16>().is_ok();
    if !port.is_none_or(is_port) {
        return false;
    }
    if host.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let address = match bracketed {
        Some(address) => address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    };
    address.is_some_and(|address| address.is_loopback())
}

/// Whether a configured URL leads to this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_names_of_this_machine_are_local() {
        for local in [
            "localhost",
            "LocalHost",
            "localhost:8080",
            "127.0.0.1",
            "127.0.0.1:80",
            "127.1.2.3:1",
            "[::1]",
            "[::1]:8080",
        ] {
            assert!(is_local(local), "{local}");
        }
        for other in [
            "",
            ":80",
            "example.com",
            "localhost.example",
            "localhost\\.example",
            "localhost\\@example",
            "127.0.0.1.example",
            "127.0.0.1.",
            "localhost.",
            "localhost:",
            "localhost:99999",
            "localhost:+80",
            "localhost:80:80",
            "localhost:80.example",
            "localhost/",
            "localhost/.example",
            "localhost#.example",
            "localhost?.example",
            "localhost .example",
            " localhost",
            "localhost,example.com",
            "localhost@example.com",
            "user@localhost",
            "user:localhost@127.0.0.1",
            "%6cocalhost",
            "localhost%00.example",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0.0.0.0",
            "10.0.0.1",
            "::1",
            "[::1",
            "[::1]x",
            "[::1].example",
            "[::1%25lo]",
            "[::]",
            "[::ffff:10.0.0.1]",
            "[localhost]",
            "[127.0.0.1]",
        ] {
            assert!(!is_local(other), "{other:?}");
        }
    }
}
