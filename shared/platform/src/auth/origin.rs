//! The origin of a service, and the protection of changes without a token: browsers send cookies with requests of
//! other origins as well.

use anyhow::{Context as _, ensure};
use http::{HeaderMap, HeaderName, Method, Uri, header};
use url::Url;

use super::local::{is_loopback, one};
use crate::{Env, Error};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The address at which people reach the pages, in `PUBLIC_URL`.
///
/// # Errors
/// If it is not an origin that browsers send a cookie to.
pub fn public_url(env: &Env) -> anyhow::Result<Option<Url>> {
    let Some(text) = env.get("PUBLIC_URL") else {
        return Ok(None);
    };
    let form = || {
        format!(
            "PUBLIC_URL is {text:?}: set it to the origin of the pages, such as https://metasync.example"
        )
    };
    let url = Url::parse(text).with_context(form)?;
    let is_secure = url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url);
    let is_origin = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    ensure!(is_secure && is_origin, form());
    Ok(Some(url))
}

/// The origins whose pages may send requests with a token, in `CORS_ORIGINS`.
///
/// # Errors
/// If one is not an origin as browsers write it.
pub(crate) fn cors_origins(env: &Env) -> anyhow::Result<Vec<String>> {
    let listed = env.get("CORS_ORIGINS").unwrap_or_default();
    let origins = listed.split(',').map(str::trim);
    let origins = origins.filter(|_| !listed.is_empty()).map(|origin| {
        let url = Url::parse(origin).ok();
        let url = url.filter(|url| ["http", "https"].contains(&url.scheme()));
        let is_origin = url.is_some_and(|url| url.origin().ascii_serialization() == origin)
            && !origin.contains('*');
        ensure!(
            is_origin,
            "CORS_ORIGINS lists {origin:?}: set it to origins such as https://app.example, separated by commas, \
             without a path and without `*`"
        );
        Ok(origin.to_owned())
    });
    origins.collect()
}

/// The origin of the service. None is the host that a request names.
#[derive(Clone, Debug)]
pub(super) struct OwnOrigin(Option<String>);

impl OwnOrigin {
    pub(super) fn open(env: &Env) -> anyhow::Result<Self> {
        let url = public_url(env)?;
        Ok(Self(url.map(|url| url.origin().ascii_serialization())))
    }

    /// Refuses a change that a page of another origin may have caused.
    ///
    /// # Errors
    /// `Forbidden`, unless the browser says in `Sec-Fetch-Site` or `Origin` that the page is of this service.
    pub(super) fn check(
        &self,
        method: &Method,
        headers: &HeaderMap,
        target: &Uri,
    ) -> Result<(), Error> {
        if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
            return Ok(());
        }
        let one = |name| one(headers, name).map_err(Error::Forbidden);
        let is_own = match one(&SEC_FETCH_SITE)? {
            Some(site) => site == "same-origin",
            None => one(&header::ORIGIN)?.is_some_and(|it| self.is(it, headers, target)),
        };
        if is_own {
            return Ok(());
        }
        Err(Error::Forbidden(
            "a change without a token must come from a page of this service: the browser sends \
             `Sec-Fetch-Site: same-origin`, or its own `Origin`; programs send a token instead"
                .to_owned(),
        ))
    }

    fn is(&self, origin: &str, headers: &HeaderMap, target: &Uri) -> bool {
        if let Some(own) = &self.0 {
            return origin == own;
        }
        let scheme_less = ["https://", "http://"]
            .into_iter()
            .find_map(|scheme| origin.strip_prefix(scheme));
        let host = headers.get(header::HOST).and_then(|it| it.to_str().ok());
        let authority = target.authority().map(http::uri::Authority::as_str);
        let host = authority.or(host);
        scheme_less.is_some_and(|it| host.is_some_and(|host| it.eq_ignore_ascii_case(host)))
    }
}
