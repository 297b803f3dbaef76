//! One connection, for as long as its client says something.
//!
//! hyper bounds the head of an HTTP/1 request, and asks an HTTP/2 client whether it is there. What
//! it leaves open is bounded here: a client that connects and sends nothing, one that only proves
//! that it is there, and one that takes nothing of its answer.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tower::Service;

/// For the first request of a connection: whoever connects has one to send.
const FIRST_REQUEST: Duration = Duration::from_secs(20);
/// For the head of a request, and between two on one connection. Load balancers keep an idle
/// connection for 60 s, and it is theirs to close it.
const IDLE: Duration = Duration::from_secs(75);
/// For a client to take the next part of its answer.
const STALLED: Duration = Duration::from_secs(60);
/// For a client that is told that the connection ends.
const GOODBYE: Duration = Duration::from_secs(5);
/// How often an HTTP/2 client is asked whether it is there, and how long it may take to say so.
const ASK_EVERY: Duration = Duration::from_secs(30);
const ASK_FOR: Duration = Duration::from_secs(15);

/// An answer is handed over in parts of this many bytes, so that one that is not taken shows.
const PART: usize = 64 * 1024;
/// What a connection may hold of requests that nobody reads yet, in bytes.
const UNREAD: u32 = 256 * 1024;
/// The head of a request, in bytes.
const HEAD: usize = 64 * 1024;
/// Requests of one HTTP/2 connection at a time.
const AT_ONCE: u32 = 100;

#[derive(Clone)]
pub(super) struct Server {
    server: auto::Builder<TokioExecutor>,
    service: axum::Router,
}

impl Server {
    pub(super) fn new(service: axum::Router) -> Self {
        let mut server = auto::Builder::new(TokioExecutor::new());
        server
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .max_buf_size(HEAD);
        server
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(ASK_EVERY)
            .keep_alive_timeout(ASK_FOR)
            .initial_connection_window_size(UNREAD)
            .initial_stream_window_size(UNREAD)
            .max_concurrent_streams(AT_ONCE);
        Self { server, service }
    }

    /// Until either side ends it, or the client is silent for too long. When `stop` changes, what
    /// is in flight is answered, and nothing else.
    pub(super) async fn serve(self, socket: TcpStream, mut stop: watch::Receiver<()>) {
        // Without it small answers may wait for the other side's acknowledgement.
        let _ = socket.set_nodelay(true);
        let activity = Arc::new(Activity::new());
        let service = TowerToHyperService::new(Watched {
            service: self.service,
            activity: activity.clone(),
        });
        let connection = self.server.serve_connection(TokioIo::new(socket), service);
        let mut connection = pin!(connection);
        // Each end is the client's doing: it went away, was too slow, or spoke no HTTP.
        let is_silent = tokio::select! {
            _ = connection.as_mut() => return,
            () = activity.silence() => true,
            _ = stop.changed() => false,
        };
        connection.as_mut().graceful_shutdown();
        if is_silent {
            let _ = timeout(GOODBYE, connection).await;
            return;
        }
        tokio::select! {
            _ = connection => {}
            () = activity.silence() => {}
        }
    }
}

/// What is going on on a connection.
struct Activity(Mutex<State>);

struct State {
    /// Requests that are being worked on, for which their own deadlines hold.
    requests: usize,
    /// Since when the client has not taken the next part of an answer, by answer.
    waiting: HashMap<u64, Instant>,
    /// When the last request or answer ended, or else the connection began.
    last: Instant,
    idle: Duration,
    answers: u64,
}

impl Activity {
    fn new() -> Self {
        Self(Mutex::new(State {
            requests: 0,
            waiting: HashMap::new(),
            last: Instant::now(),
            idle: FIRST_REQUEST,
            answers: 0,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns once the client has been silent for too long.
    async fn silence(&self) {
        loop {
            let now = Instant::now();
            let due = {
                let state = self.state();
                match state.waiting.values().min() {
                    Some(since) => *since + STALLED,
                    None if state.requests > 0 => now + STALLED,
                    None => state.last + state.idle,
                }
            };
            if due <= now {
                return;
            }
            // What begins meanwhile may be due before, and is seen a little later then.
            sleep_until(due).await;
        }
    }
}

/// A request that is being worked on.
struct Working(Arc<Activity>);

impl Working {
    fn begin(activity: Arc<Activity>) -> Self {
        let mut state = activity.state();
        state.requests += 1;
        state.idle = IDLE;
        drop(state);
        Self(activity)
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.requests -= 1;
        state.last = Instant::now();
    }
}

#[derive(Clone)]
struct Watched {
    service: axum::Router,
    activity: Arc<Activity>,
}

impl<B> Service<Request<B>> for Watched
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let working = Working::begin(self.activity.clone());
        let answer = self.service.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            Ok(answer.map(|body| Answer::new(body, working.0.clone())))
        })
    }
}

/// The body of an answer on its way out.
struct Answer {
    body: Body,
    /// Of the part that the body gave last.
    rest: Bytes,
    activity: Arc<Activity>,
    number: u64,
}

impl Answer {
    fn new(body: Body, activity: Arc<Activity>) -> Self {
        let mut state = activity.state();
        state.answers += 1;
        let number = state.answers;
        if !body.is_end_stream() {
            state.waiting.insert(number, Instant::now());
        }
        drop(state);
        Self {
            body,
            rest: Bytes::new(),
            activity,
            number,
        }
    }

    fn part(&mut self) -> Frame<Bytes> {
        let end = self.rest.len().min(PART);
        Frame::data(self.rest.split_to(end))
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // It is asked for, so that the client has taken what was before.
        let polled = if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(match frame.into_data() {
                    Ok(data) => {
                        self.rest = data;
                        Ok(self.part())
                    }
                    Err(frame) => Ok(frame),
                })),
                other => other,
            }
        } else {
            Poll::Ready(Some(Ok(self.part())))
        };
        let mut state = self.activity.state();
        match &polled {
            Poll::Ready(Some(_)) => state.waiting.insert(self.number, Instant::now()),
            // It is we who keep the client waiting, or there is no more.
            Poll::Pending | Poll::Ready(None) => state.waiting.remove(&self.number),
        };
        drop(state);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower() + rest);
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper + rest);
        }
        whole
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.waiting.remove(&self.number);
        state.last = Instant::now();
    }
}
