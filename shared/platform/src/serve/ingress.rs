//! How the service in front of an app handles routes that callers don't call with a token.

use std::collections::BTreeMap;
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
    whole_batches: bool,
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

    /// On Lambda, posts an SQS batch as one request, whose response lists the records that failed, instead
    /// of one request per record.
    pub fn accept_whole_batches(&self) {
        self.declared().whole_batches = true;
    }

    pub(super) fn proof(&self, method: &Method, route: &str) -> Option<Arc<Proof>> {
        let is_post = as_routed(method) == Method::POST;
        self.declared()
            .signed
            .get(route)
            .filter(|_| is_post)
            .cloned()
    }

    pub(super) fn link_proof(&self, method: &Method, route: &str) -> Option<LinkProof> {
        let is_get = as_routed(method) == Method::GET;
        self.declared()
            .linked
            .get(route)
            .filter(|_| is_get)
            .cloned()
    }

    pub(super) fn has_signed(&self) -> bool {
        !self.declared().signed.is_empty()
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
