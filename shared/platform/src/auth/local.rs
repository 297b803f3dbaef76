//! Protection of the open mode against web pages. A browser on this machine can send requests of any page
//! to loopback, under the page's own host name once its DNS points there.

use http::{HeaderMap, HeaderName, header};
use url::{Host, Url};

use crate::Error;

/// Refuses requests to another host name than this machine's, and requests by pages of another origin.
pub(super) fn check(headers: &HeaderMap) -> Result<(), Error> {
    let host = text(headers, header::HOST)?;
    if let Some(host) = host
        && !Url::parse(&format!("http://{host}")).is_ok_and(|url| is_loopback(&url))
    {
        return Err(refused("use the host localhost or 127.0.0.1"));
    }
    // Browsers send the page's origin with every request that can change something.
    match (text(headers, header::ORIGIN)?, host) {
        (None, _) => Ok(()),
        (Some(origin), Some(host)) if origin.strip_prefix("http://") == Some(host) => Ok(()),
        (Some(_), _) => Err(refused("web pages of another origin can't call it")),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Error> {
    let value = headers.get(name).map(|value| value.to_str()).transpose();
    value.map_err(|_| refused("send headers in ASCII"))
}

fn refused(reason: &str) -> Error {
    Error::Forbidden(format!(
        "this function is open to local callers only: {reason}"
    ))
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
