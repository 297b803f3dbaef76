//! Bodies on their way in: how slowly one may come, and how much of all of them is in memory.
//!
//! Whatever reads a body reads it through [`Arriving`], so that no handler has to think of either.

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

/// Of callers who proved who they are: as much as four of the largest batches.
const OF_CALLERS: usize = 64 << 20;
/// Of whoever may still turn out to be nobody.
const OF_ANYBODY: usize = 8 << 20;

/// Until a body has to come at [`LEAST_RATE`].
const GRACE: Duration = Duration::from_secs(10);
/// In bytes per second, on average after [`GRACE`].
const LEAST_RATE: u64 = 64 * 1024;
/// For a body as a whole, so that time is left to answer within the deadline.
const WHOLE: Duration = Duration::from_secs(45);

/// What there is room for, in bytes.
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
    /// The body of a caller who proved who they are.
    pub(super) fn for_caller(&self, body: Body) -> (Body, Arrival) {
        Arriving::new(body, self.of_callers.clone())
    }

    pub(super) fn for_anybody(&self, body: Body) -> (Body, Arrival) {
        Arriving::new(body, self.of_anybody.clone())
    }
}

/// What became of a body. It holds the room that the body takes.
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
    /// The answer where it is the body's fault that nothing else could be answered.
    pub(super) fn refusal(&self) -> Option<Response> {
        Some(match state(&self.0).refused? {
            Refused::TooSlow => problem(
                StatusCode::REQUEST_TIMEOUT,
                "the body arrives too slowly: send at least 64 KiB per second, and all of it \
                 within 45 s",
            ),
            Refused::NoRoom => Error::Unavailable {
                detail: "too many bodies arrive at once: send it again in a while".to_owned(),
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
    /// When it was first read.
    started: Option<Instant>,
    received: u64,
    /// Until the next part has to be there.
    patience: Option<Pin<Box<Sleep>>>,
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
            patience: None,
        };
        (Body::new(arriving), arrival)
    }

    fn take(&mut self, bytes: usize) -> bool {
        self.received += bytes as u64;
        self.patience = None;
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
                let patience = self
                    .patience
                    .get_or_insert_with(|| Box::pin(sleep_until(due)));
                match patience.as_mut().poll(context) {
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

    /// So many parts of so many bytes, so far apart.
    fn body(parts: usize, bytes: usize, apart: Duration) -> Body {
        let parts = stream::iter(0..parts).then(move |_| async move {
            sleep(apart).await;
            io::Result::Ok(Bytes::from(vec![0; bytes]))
        });
        Body::from_stream(parts)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_ten_seconds_to_begin_and_then_comes_at_a_least_rate() {
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
                let answer = arrival.refusal().expect("it is refused");
                assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT, "{name}");
            }
        }
    }

    #[tokio::test]
    async fn what_arrives_has_so_much_room_until_it_is_answered_and_anybodys_takes_none_of_callers()
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
        let answer = arrival.refusal().expect("it is refused");
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(room.for_caller(mib()).0.collect().await.is_ok());
        held.pop();
        assert!(room.for_anybody(mib()).0.collect().await.is_ok());
    }
}
