//! What an app asks of the service in front of it, where its routes are called in a way of their own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::ensure;
use http::{HeaderMap, Method, Uri};

use crate::{Caller, Error};

type MayBeSigned = dyn Fn(&HeaderMap) -> Result<(), Error> + Send + Sync;
type Signer = dyn Fn(&HeaderMap, &[u8]) -> Result<Caller, Error> + Send + Sync;

/// How a request proves who signed it. Neither function may take long.
pub(super) struct Proof {
    /// Whether the headers may be those of a signed request, before any of its body is read.
    pub(super) may_be_signed: Box<MayBeSigned>,
    /// Who signed it, from its headers and its raw body.
    pub(super) signer: Box<Signer>,
}

/// Declared while the app is built; the service and the Lambda envelope go by it.
#[derive(Clone, Default)]
pub struct Front(Arc<Mutex<Declared>>);

/// Who was given this address, from what is signed in it.
pub(super) type LinkProof = Arc<dyn Fn(&Uri) -> Result<Caller, Error> + Send + Sync>;

#[derive(Default)]
struct Declared {
    signed: BTreeMap<&'static str, Arc<Proof>>,
    linked: BTreeMap<&'static str, LinkProof>,
    whole_batches: bool,
}

impl Front {
    /// A POST to exactly this route is let in by what `signer` finds in it, and by nothing else:
    /// neither a token nor `AUTH_MODE=open`. All other routes, and this one by other methods, stay
    /// as they are. For senders that sign what they post and can't send a token.
    ///
    /// A body is read only where `may_be_signed` finds nothing wrong with the headers.
    pub fn take_signed(
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

    /// A GET or a HEAD of exactly this route is let in by what `proof` finds in its address, and by
    /// nothing else. For links that we gave out, to be followed by whoever has no token.
    pub fn take_linked(
        &self,
        route: &'static str,
        proof: impl Fn(&Uri) -> Result<Caller, Error> + Send + Sync + 'static,
    ) -> anyhow::Result<()> {
        check(route)?;
        self.declared().linked.insert(route, Arc::new(proof));
        Ok(())
    }

    /// On Lambda, an SQS batch is one request with the whole event, and the answer says which of
    /// its records failed, instead of one request a record.
    pub fn take_whole_batches(&self) {
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

    pub(super) fn takes_whole_batches(&self) -> bool {
        self.declared().whole_batches
    }

    fn declared(&self) -> MutexGuard<'_, Declared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The method whose handler answers. What a GET is asked to prove, a HEAD has to prove as well: the
/// router has one handler for both.
fn as_routed(method: &Method) -> &Method {
    match *method {
        Method::HEAD => &Method::GET,
        _ => method,
    }
}

fn check(route: &str) -> anyhow::Result<()> {
    ensure!(
        route.starts_with("/v1/") && !route.contains(['{', '}', '*']),
        "{route:?} can't be let in by a signature: it must be one address below /v1/"
    );
    Ok(())
}
