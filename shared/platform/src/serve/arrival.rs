//! Limits on request bodies while they arrive: how slowly one may be sent, and how much memory all of them
//! take.
//!
//! Every body is read through [`Arriving`], so that no handler has to enforce these limits.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::StatusCode;
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::Error;
use crate::error::problem;

/// The memory for bodies of authenticated callers: four of the largest batches.
const OF_CALLERS: usize = 64 << 20;
/// The memory for bodies whose sender is not authenticated yet.
const OF_ANYBODY: usize = 8 << 20;

/// The time before [`LEAST_RATE`] applies.
const GRACE: Duration = Duration::from_secs(10);
/// The lowest average rate after [`GRACE`], in bytes per second.
const LEAST_RATE: u64 = 64 * 1024;
/// The time for a whole body, which leaves time to respond before the deadline.
const WHOLE: Duration = Duration::from_secs(45);

/// The memory that is left for bodies, in bytes.
pub(super) struct Room {
    of_callers: Arc<Semaphore>,
    of_anybody: Arc<Semaphore>,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            of_callers: Arc::new(Semaphore::new(OF_CALLERS)),
            of_anybody: Arc::new(Semaphore::new(OF_ANYBODY)),
        }
    }
}

impl Room {
    /// Limits the body of an authenticated caller.
    pub(super) fn for_caller(&self, body: Body) -> (Body, Arrival) {
        Arriving::new(body, self.of_callers.clone())
    }

    /// Limits the body of a sender who is not authenticated yet.
    pub(super) fn for_anybody(&self, body: Body) -> (Body, Arrival) {
        Arriving::new(body, self.of_anybody.clone())
    }
}

/// The state of a body. It reserves the body's memory until it is dropped.
pub(super) struct Arrival(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    held: Option<OwnedSemaphorePermit>,
    refused: Option<Refused>,
}

#[derive(Clone, Copy)]
enum Refused {
    TooSlow,
    NoRoom,
}

impl Arrival {
    /// The response if the body exceeded a limit.
    pub(super) fn refusal(&self) -> Option<Response> {
        Some(match state(&self.0).refused? {
            Refused::TooSlow => problem(
                StatusCode::REQUEST_TIMEOUT,
                "the body arrives too slowly: send at least 64 KiB per second, and all of it within \
                 45 s",
            ),
            Refused::NoRoom => Error::Unavailable {
                detail: "too many bodies arrive at once; try again later".to_owned(),
                cause: None,
            }
            .into_response(),
        })
    }
}

fn state(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Arriving {
    body: Body,
    room: Arc<Semaphore>,
    state: Arc<Mutex<State>>,
    /// When the first read began.
    started: Option<Instant>,
    received: u64,
    /// Runs until the next part is due.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Arriving {
    #[expect(clippy::new_ret_no_self, reason = "it is a body like any other")]
    fn new(body: Body, room: Arc<Semaphore>) -> (Body, Arrival) {
        let state: Arc<Mutex<State>> = Arc::default();
        let arrival = Arrival(state.clone());
        if body.is_end_stream() {
            return (body, arrival);
        }
        let arriving = Self {
            body,
            room,
            state,
            started: None,
            received: 0,
            timer: None,
        };
        (Body::new(arriving), arrival)
    }

    fn take(&mut self, bytes: usize) -> bool {
        self.received += bytes as u64;
        self.timer = None;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let Ok(taken) = self.room.clone().try_acquire_many_owned(bytes) else {
            return false;
        };
        let held = &mut state(&self.state).held;
        match held {
            Some(held) => held.merge(taken),
            None => *held = Some(taken),
        }
        true
    }

    fn refuse(&self, refused: Refused) -> axum::Error {
        state(&self.state).refused = Some(refused);
        axum::Error::new(io::Error::from(io::ErrorKind::TimedOut))
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let started = *self.started.get_or_insert_with(Instant::now);
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                Poll::Ready(Some(if self.take(bytes) {
                    Ok(frame)
                } else {
                    Err(self.refuse(Refused::NoRoom))
                }))
            }
            Poll::Pending => {
                let due = GRACE + Duration::from_secs(self.received / LEAST_RATE);
                let due = started + due.min(WHOLE);
                let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
                match timer.as_mut().poll(context) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(self.refuse(Refused::TooSlow)))),
                    Poll::Pending => Poll::Pending,
                }
            }
            end => end,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures::stream::{self, StreamExt as _};
    use http_body_util::BodyExt as _;
    use tokio::time::sleep;

    use super::*;

    /// A body of `parts` parts with `bytes` bytes each, one per `apart`.
    fn body(parts: usize, bytes: usize, apart: Duration) -> Body {
        let parts = stream::iter(0..parts).then(move |_| async move {
            sleep(apart).await;
            io::Result::Ok(Bytes::from(vec![0; bytes]))
        });
        Body::from_stream(parts)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_must_arrive_at_the_least_rate_after_ten_seconds() {
        let room = Room::default();
        let second = Duration::from_secs(1);
        for (name, body, refused_after) in [
            ("nothing", body(1, 1, 100 * second), Some(10)),
            ("a trickle", body(1_000, 1, second), Some(10)),
            ("too slow", body(1_000, 32 * 1024, second), Some(20)),
            ("at the rate", body(30, 64 * 1024, second), None),
            ("for too long", body(1_000, 64 * 1024, second), Some(45)),
        ] {
            let started = Instant::now();
            let (body, arrival) = room.for_caller(body);
            let whole = body.collect().await;
            assert_eq!(whole.is_err(), refused_after.is_some(), "{name}");
            if let Some(seconds) = refused_after {
                assert!(started.elapsed().as_secs().abs_diff(seconds) <= 1, "{name}");
                let response = arrival.refusal().expect("it is refused");
                assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT, "{name}");
            }
        }
    }

    #[tokio::test]
    async fn bodies_of_unknown_senders_take_no_memory_of_callers_and_free_theirs_after_the_response()
     {
        let room = Room::default();
        let mib = || body(1, 1 << 20, Duration::ZERO);
        let mut held = Vec::new();
        for _ in 0..OF_ANYBODY >> 20 {
            let (body, arrival) = room.for_anybody(mib());
            assert!(body.collect().await.is_ok());
            held.push(arrival);
        }
        let (body, arrival) = room.for_anybody(mib());
        assert!(body.collect().await.is_err());
        let response = arrival.refusal().expect("it is refused");
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(room.for_caller(mib()).0.collect().await.is_ok());
        held.pop();
        assert!(room.for_anybody(mib()).0.collect().await.is_ok());
    }
}
