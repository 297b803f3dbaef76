//! Where everyone is let in, a web page must not be: a browser on this machine sends it here, under
//! the page's own name once its DNS points to loopback.

use http::{HeaderMap, HeaderName, header};
use url::{Host, Url};

use crate::Error;

/// Refuses what was sent to another name than this machine's, or by a page of another origin.
pub(super) fn check(headers: &HeaderMap) -> Result<(), Error> {
    let host = text(headers, header::HOST)?;
    if let Some(host) = host
        && !Url::parse(&format!("http://{host}")).is_ok_and(|url| is_loopback(&url))
    {
        return Err(refused("call it as localhost or 127.0.0.1"));
    }
    // Browsers name the page's origin in each request that can change something.
    match (text(headers, header::ORIGIN)?, host) {
        (None, _) => Ok(()),
        (Some(origin), Some(host)) if origin.strip_prefix("http://") == Some(host) => Ok(()),
        (Some(_), _) => Err(refused("no web page of another origin may call it")),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Error> {
    let value = headers.get(name).map(|value| value.to_str()).transpose();
    value.map_err(|_| refused("send plain headers"))
}

fn refused(what: &str) -> Error {
    Error::Forbidden(format!("this function is open to its own machine: {what}"))
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
