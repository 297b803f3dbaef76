//! Limits on the size of requests and on the time for responses.

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::Route;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until};
use tower::util::MapRequestLayer;
use tower::{Layer, Service};

use crate::extract::BodyLimit;
use crate::extract::json::whole;
use crate::postgres::wait_limit;
use crate::{All as _, Env, Error, Result};

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    body_bytes: usize,
    answer_within: Duration,
}

impl Limits {
    /// Reads `MAX_BODY_BYTES` (1 MiB) and `REQUEST_TIMEOUT_SECONDS` (60).
    pub(super) fn new(env: &Env) -> anyhow::Result<Self> {
        const DEFAULT: NonZeroU32 = NonZeroU32::new(60).expect("60 is not zero");
        let (body_bytes, seconds) = (
            env.parse("MAX_BODY_BYTES", 1 << 20),
            env.parse("REQUEST_TIMEOUT_SECONDS", DEFAULT),
        )
            .all()?;
        Ok(Self {
            body_bytes,
            answer_within: Duration::from_secs(seconds.get().into()),
        })
    }

    pub(super) fn body(self) -> BodyLimit {
        BodyLimit(self.body_bytes)
    }

    /// The deadline of a request that arrives now; `last` is the deadline of the platform.
    pub(super) fn deadline(self, last: Option<Instant>) -> Deadline {
        let started = Instant::now();
        let deadline = Deadline {
            started,
            last,
            at: Arc::new(watch::Sender::new(started)),
        };
        deadline.set(self.answer_within);
        deadline
    }
}

/// A layer for routes with another size limit of bodies than `MAX_BODY_BYTES`.
pub fn body_limit(bytes: usize) -> MapRequestLayer<impl Fn(Request) -> Request + Clone> {
    MapRequestLayer::new(move |mut request: Request| {
        DefaultBodyLimit::max(bytes).apply(&mut request);
        // axum keeps its own copy private, and errors state the limit.
        request.extensions_mut().insert(BodyLimit(bytes));
        request
    })
}

/// The deadline of a response. Its route may extend or shorten it.
#[derive(Clone)]
pub(super) struct Deadline {
    started: Instant,
    last: Option<Instant>,
    at: Arc<watch::Sender<Instant>>,
}

impl Deadline {
    fn set(&self, answer_within: Duration) {
        let at = self.started + answer_within;
        self.at
            .send_replace(self.last.map_or(at, |last| at.min(last)));
    }

    /// Waits until the deadline has passed.
    pub(super) async fn passed(&self) {
        let mut set = self.at.subscribe();
        loop {
            let at = *set.borrow_and_update();
            tokio::select! {
                () = sleep_until(at) => return,
                _ = set.changed() => {}
            }
        }
    }
}

/// A layer for routes with another time-out than `REQUEST_TIMEOUT_SECONDS`. On Lambda, the time-out of the
/// function applies as well.
///
/// To accept larger bodies than `MAX_BODY_BYTES`, use [`body_limit()`].
pub fn time_limit(time: Duration) -> MapRequestLayer<impl Fn(Request) -> Request + Clone> {
    MapRequestLayer::new(move |request: Request| {
        if let Some(deadline) = request.extensions().get::<Deadline>() {
            deadline.set(time);
        }
        request
    })
}

/// A layer that limits the requests that run at once, for routes with large requests. A request counts once
/// its body has arrived, so that slow senders don't block others. It is refused if it has waited as long as
/// a request may wait for the database.
pub fn concurrency_limit(
    count: usize,
) -> impl Layer<Route, Service = impl Routed> + Clone + Send + Sync {
    from_fn_with_state(Arc::new(Semaphore::new(count)), in_turn)
}

async fn in_turn(
    State(places): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Result<Response> {
    let request = whole(request).await?;
    let place = wait_limit::wait(places.acquire()).await;
    let place = place.map_err(|_| Error::Unavailable {
        detail: "too many large requests are in progress; try again later".to_owned(),
        cause: None,
    })?;
    let answer = next.run(request).await;
    drop(place);
    Ok(answer)
}

/// The requirements of axum on the service of a layer.
pub trait Routed:
    Service<Request, Response = Response, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Routed for S where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_route_can_shorten_and_extend_the_deadline() {
        let limits = Limits::new(&Env::default()).unwrap();
        for (seconds, expected) in [(2, 2), (900, 900)] {
            let deadline = limits.deadline(None);
            let started = Instant::now();
            let mut passed = Box::pin(deadline.passed());
            assert!((&mut passed).now_or_never().is_none());
            // Routes set the deadline while the service already waits for it.
            deadline.set(Duration::from_secs(seconds));
            passed.await;
            assert_eq!(started.elapsed(), Duration::from_secs(expected));
        }
    }
}
