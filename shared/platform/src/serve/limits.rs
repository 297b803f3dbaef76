//! How large a request may be, and how long its answer may take.

use std::convert::Infallible;
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

use crate::json::whole;
use crate::postgres::patience;
use crate::{Env, Error, Result};

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    body_bytes: usize,
    answer_within: Duration,
}

impl Limits {
    /// `MAX_BODY_BYTES` (1 MiB) and `REQUEST_TIMEOUT_SECONDS` (60).
    pub(super) fn new(env: &Env) -> anyhow::Result<Self> {
        let body_bytes = env.parse("MAX_BODY_BYTES", 1 << 20)?;
        let seconds: u32 = env.parse("REQUEST_TIMEOUT_SECONDS", 60)?;
        anyhow::ensure!(
            seconds > 0,
            "REQUEST_TIMEOUT_SECONDS is 0: set it to 1 or more"
        );
        Ok(Self {
            body_bytes,
            answer_within: Duration::from_secs(seconds.into()),
        })
    }

    pub(super) fn body(self) -> DefaultBodyLimit {
        DefaultBodyLimit::max(self.body_bytes)
    }

    pub(super) fn body_bytes(self) -> usize {
        self.body_bytes
    }

    /// When a request that came in now has to be answered; `last` is the platform's own deadline.
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

/// When a request has to be answered. A route may set it later or earlier meanwhile.
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

    /// Returns once it has passed.
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

/// A layer for routes that need another time than `REQUEST_TIMEOUT_SECONDS`. On Lambda the
/// function's own timeout still ends them.
///
/// A larger body than `MAX_BODY_BYTES` is allowed by `axum::extract::DefaultBodyLimit`.
pub fn may_take(time: Duration) -> MapRequestLayer<impl Fn(Request) -> Request + Clone> {
    MapRequestLayer::new(move |request: Request| {
        if let Some(deadline) = request.extensions().get::<Deadline>() {
            deadline.set(time);
        }
        request
    })
}

/// A layer for routes whose requests are large: `count` of them are worked on at once. A request
/// takes its place when its body is there, so that whoever sends slowly keeps nobody waiting, and
/// is turned away if there is none in the time that it may wait for the database.
pub fn at_once(count: usize) -> impl Layer<Route, Service = impl Routed> + Clone + Send + Sync {
    from_fn_with_state(Arc::new(Semaphore::new(count)), in_turn)
}

async fn in_turn(
    State(places): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Result<Response> {
    let request = whole(request).await?;
    let place = patience::wait(places.acquire()).await;
    let place = place.map_err(|_| Error::Unavailable {
        detail: "too many large requests are worked on: send it again in a while".to_owned(),
        cause: None,
    })?;
    let answer = next.run(request).await;
    drop(place);
    Ok(answer)
}

/// What a router takes as the service of a layer.
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
    async fn a_route_sets_the_deadline_earlier_or_later_whenever_it_is_reached() {
        let limits = Limits::new(&Env::default()).unwrap();
        for (seconds, expected) in [(2, 2), (900, 900)] {
            let deadline = limits.deadline(None);
            let started = Instant::now();
            let mut passed = Box::pin(deadline.passed());
            assert!((&mut passed).now_or_never().is_none());
            // As where the body is there only after the first wait.
            deadline.set(Duration::from_secs(seconds));
            passed.await;
            assert_eq!(started.elapsed(), Duration::from_secs(expected));
        }
    }
}
