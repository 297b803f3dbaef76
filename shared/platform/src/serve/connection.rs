//! One connection, which is closed if its client is silent.
//!
//! hyper has a time-out for the head of an HTTP/1 request, and pings HTTP/2 clients. This module adds
//! time-outs for clients that connect and send nothing, that only respond to pings, or that don't read
//! their response.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;
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

use super::service::OverConnection;

/// The time within which a new connection must send its first request.
const FIRST_REQUEST: Duration = Duration::from_secs(20);
/// The time for the head of a request, and between two requests. It is longer than the 60 s after which load
/// balancers close idle connections, so that they close them first.
const IDLE: Duration = Duration::from_secs(75);
/// The time for a client to read the next part of its response.
const STALLED: Duration = Duration::from_secs(60);
/// The time for a client to close the connection once it is told to.
const GOODBYE: Duration = Duration::from_secs(5);
/// The interval of pings to HTTP/2 clients, and the time for their reply.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(15);

/// The size of the parts in which a response is sent, in bytes, so that a client that doesn't read is
/// noticed.
const PART: usize = 64 * 1024;
/// The limit of received data that no handler has read yet, per connection, in bytes.
const UNREAD: u32 = 256 * 1024;
/// The size limit of a request's head, in bytes.
const HEAD: usize = 64 * 1024;
/// The limit of concurrent requests per HTTP/2 connection.
const CONCURRENT_REQUESTS: u32 = 100;

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
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIMEOUT)
            .initial_connection_window_size(UNREAD)
            .initial_stream_window_size(UNREAD)
            .max_concurrent_streams(CONCURRENT_REQUESTS);
        Self { server, service }
    }

    /// Serves a connection until either side closes it or the client is silent for too long. When `stop`
    /// changes, serves only the requests in flight.
    pub(super) async fn serve(
        self,
        socket: TcpStream,
        peer: IpAddr,
        mut stop: watch::Receiver<()>,
    ) {
        // Otherwise small responses may wait for an acknowledgement.
        let _ = socket.set_nodelay(true);
        let activity = Arc::new(Activity::new());
        let service = TowerToHyperService::new(Watched {
            service: self.service,
            over: OverConnection { peer },
            activity: activity.clone(),
        });
        let connection = self.server.serve_connection(TokioIo::new(socket), service);
        let mut connection = pin!(connection);
        // Errors are the client's: it disconnected, was too slow, or didn't send HTTP.
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

/// The activity on a connection.
struct Activity(Mutex<State>);

struct State {
    /// The number of requests in progress, which have deadlines of their own.
    requests: usize,
    /// Per response, since when the client has not read its next part.
    waiting: HashMap<u64, Instant>,
    /// When the last request or response ended, or the connection began.
    last: Instant,
    idle: Duration,
    /// The number of responses so far.
    responses: u64,
}

impl Activity {
    fn new() -> Self {
        Self(Mutex::new(State {
            requests: 0,
            waiting: HashMap::new(),
            last: Instant::now(),
            idle: FIRST_REQUEST,
            responses: 0,
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the client has been silent for too long.
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
            // What begins during the sleep may be due earlier; it is then noticed a little late.
            sleep_until(due).await;
        }
    }
}

/// A request in progress.
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
    over: OverConnection,
    activity: Arc<Activity>,
}

impl<B> Service<Request<B>> for Watched
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.over);
        let working = Working::begin(self.activity.clone());
        let response = self.service.call(request);
        Box::pin(async move {
            let response = response.await?;
            Ok(response.map(|body| ResponseBody::new(body, working.0.clone())))
        })
    }
}

/// The body of a response while it is sent.
struct ResponseBody {
    body: Body,
    /// The rest of the body's last frame.
    rest: Bytes,
    activity: Arc<Activity>,
    number: u64,
}

impl ResponseBody {
    fn new(body: Body, activity: Arc<Activity>) -> Self {
        let mut state = activity.state();
        state.responses += 1;
        let number = state.responses;
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

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // A poll means that the client has read the previous part.
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
            // The handler is not ready, or the body has ended: the client isn't late.
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

impl Drop for ResponseBody {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state.waiting.remove(&self.number);
        state.last = Instant::now();
    }
}
