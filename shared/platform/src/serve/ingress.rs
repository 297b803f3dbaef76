//! How the service in front of an app handles routes that callers don't call with a token.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::ensure;
use http::{HeaderMap, Method, Uri};

use crate::{Caller, Error};

type MayBeSigned = dyn Fn(&HeaderMap) -> Result<(), Error> + Send + Sync;
type Signer = dyn Fn(&HeaderMap, &[u8]) -> Result<Caller, Error> + Send + Sync;

/// Authentication by a signature of the body. Neither function may take long.
pub(super) struct Proof {
    /// Checks the headers before the body is read.
    pub(super) may_be_signed: Box<MayBeSigned>,
    /// Verifies the signature by headers and raw body, and returns the caller.
    pub(super) signer: Box<Signer>,
}

/// The declarations of an app, for the service and the Lambda envelope.
#[derive(Clone, Default)]
pub struct Ingress(Arc<Mutex<Declared>>);

/// Authentication by a signature within the address.
pub(super) type LinkProof = Arc<dyn Fn(&Uri) -> Result<Caller, Error> + Send + Sync>;

#[derive(Default)]
struct Declared {
    signed: BTreeMap<&'static str, Arc<Proof>>,
    linked: BTreeMap<&'static str, LinkProof>,
    cookies: BTreeSet<&'static str>,
    anybody: Vec<(&'static str, Method)>,
    whole_batches: bool,
}

/// How a route authenticates its caller.
#[derive(Clone)]
pub(super) enum Access {
    /// By a signature of the body.
    Signed(Arc<Proof>),
    /// By a signature within the address.
    Linked(LinkProof),
    /// By a bearer token, or by the cookie of a person who is signed in.
    Cookie,
    /// By a bearer token.
    Token,
    /// The route needs no caller.
    Anybody,
}

impl Ingress {
    /// Authenticates a POST to this route by its signature, with `signer`. Neither a token nor
    /// `AUTH_MODE=open` is accepted instead. Other methods of the route are not affected. For senders that
    /// sign their requests and can't send a token.
    ///
    /// The body is read only if `may_be_signed` accepts the headers.
    ///
    /// # Errors
    /// If the route is not one fixed address below `/v1/`.
    pub fn accept_signed(
        &self,
        route: &'static str,
        may_be_signed: impl Fn(&HeaderMap) -> Result<(), Error> + Send + Sync + 'static,
        signer: impl Fn(&HeaderMap, &[u8]) -> Result<Caller, Error> + Send + Sync + 'static,
    ) -> anyhow::Result<()> {
        check(route)?;
        let proof = Proof {
            may_be_signed: Box::new(may_be_signed),
            signer: Box::new(signer),
        };
        self.declared().signed.insert(route, Arc::new(proof));
        Ok(())
    }

    /// Authenticates a GET or HEAD of this route by its address, with `proof`, and by nothing else. For
    /// signed links, which are opened without a token.
    ///
    /// # Errors
    /// If the route is not one fixed address below `/v1/`.
    pub fn accept_linked(
        &self,
        route: &'static str,
        proof: impl Fn(&Uri) -> Result<Caller, Error> + Send + Sync + 'static,
    ) -> anyhow::Result<()> {
        check(route)?;
        self.declared().linked.insert(route, Arc::new(proof));
        Ok(())
    }

    /// Accepts the cookie of a person who is signed in on this route, beside a token. A change needs a proof that it
    /// comes from a page of this service, and a page without a caller redirects to sign-in.
    pub fn accept_cookies(&self, route: &'static str) {
        self.declared().cookies.insert(route);
    }

    /// Serves this method of the route without a caller, for signing in. Credentials are not looked at. A change needs
    /// a proof that it comes from a page of this service, or that page could sign a person in as somebody else.
    pub fn accept_anybody(&self, method: Method, route: &'static str) {
        self.declared().anybody.push((route, method));
    }

    /// On Lambda, posts an SQS batch as one request, whose response lists the records that failed, instead
    /// of one request per record.
    pub fn accept_whole_batches(&self) {
        self.declared().whole_batches = true;
    }

    /// How this method of the route authenticates its caller.
    pub(super) fn access(&self, method: &Method, route: &str) -> Access {
        let declared = self.declared();
        let method = as_routed(method);
        if let (Some(proof), &Method::POST) = (declared.signed.get(route), method) {
            return Access::Signed(proof.clone());
        }
        if let (Some(proof), &Method::GET) = (declared.linked.get(route), method) {
            return Access::Linked(proof.clone());
        }
        let mut anybody = declared.anybody.iter();
        if anybody.any(|(its, declared)| *its == route && declared == method) {
            return Access::Anybody;
        }
        // Whatever an app declares, a trigger is never called by a person.
        if declared.cookies.contains(route) && !route.starts_with("/events/") {
            return Access::Cookie;
        }
        Access::Token
    }

    pub(super) fn has_signed(&self) -> bool {
        !self.declared().signed.is_empty()
    }

    pub(super) fn has_cookies(&self) -> bool {
        !self.declared().cookies.is_empty()
    }

    pub(super) fn accepts_whole_batches(&self) -> bool {
        self.declared().whole_batches
    }

    fn declared(&self) -> MutexGuard<'_, Declared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The method whose handler serves the request: the router serves HEAD with the handler of GET, so both need
/// the same authentication.
fn as_routed(method: &Method) -> &Method {
    match *method {
        Method::HEAD => &Method::GET,
        _ => method,
    }
}

fn check(route: &str) -> anyhow::Result<()> {
    ensure!(
        route.starts_with("/v1/") && !route.contains(['{', '}', '*']),
        "{route:?} can't be authenticated by a signature: it must be one fixed address below /v1/"
    );
    Ok(())
}
