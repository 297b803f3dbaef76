//! A function as an HTTP server: Cloud Run, a container, a laptop.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use futures::FutureExt as _;
use http::{Extensions, HeaderMap, StatusCode, Version, header};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate as _, SizeAbove};

use crate::Resources;

/// Together with [`HEARD_WITHIN`] 9 s: Cloud Run kills what is still there 10 s after SIGTERM.
const DRAIN: Duration = Duration::from_millis(8_750);
/// How long a connection is listened to after that which has sent nothing yet.
const HEARD_WITHIN: Duration = Duration::from_millis(250);
/// For the head of a request, and between two on one connection: a client that sends nothing more
/// must not hold a socket for ever. Load balancers keep an idle connection for 60 s, and it is
/// theirs to close it.
const HEAD: Duration = Duration::from_secs(75);
/// Below this, in bytes, compressing saves no packet.
const WORTH_COMPRESSING: u64 = 1_024;
/// After the system refused a connection, for want of file descriptors mostly.
const PAUSE: Duration = Duration::from_millis(100);

/// Completes at SIGTERM or SIGINT. Both are caught from this call on.
pub fn stop_signal() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Listens on `PORT` (default 8080): on every interface, but on loopback alone where the function
/// is open to everybody.
pub async fn bind(resources: &Resources) -> anyhow::Result<TcpListener> {
    let port = resources.env().parse("PORT", 8080_u16)?;
    let interface = if resources.auth()?.is_open() {
        Ipv4Addr::LOCALHOST
    } else {
        Ipv4Addr::UNSPECIFIED
    };
    let address = SocketAddr::from((interface, port));
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("can't listen on {address}: set PORT to a free port"))
}

/// Serves until `stop` completes, then takes no more connections, hears out those that there are, and
/// gives the requests in flight 9 s to finish.
pub async fn listen(
    service: axum::Router,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    listen_within(service, listener, stop, HEAD, DRAIN).await;
    Ok(())
}

async fn listen_within(
    service: axum::Router,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
    head: Duration,
    drain: Duration,
) {
    let worth = DefaultPredicate::new()
        .and(SizeAbove::new(WORTH_COMPRESSING))
        .and(has_no_etag);
    // More would cost more than the answer itself: what is worth it has its bodies ready.
    let compress = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(worth);
    let service = TowerToHyperService::new(service.layer(compress));
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(head);
    let connections = GracefulShutdown::new();
    let serve = |connection: TcpStream| {
        // Without it small answers may wait for the other side's acknowledgement.
        let _ = connection.set_nodelay(true);
        let connection = server.serve_connection(TokioIo::new(connection), service.clone());
        let connection = connections.watch(connection.into_owned());
        // An error is the client's: it went away, was too slow, or spoke no HTTP.
        tokio::spawn(async { drop(connection.await) });
    };
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((connection, _)) => serve(connection),
            Err(error) => {
                tracing::warn!(%error, "a connection can't be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    // Who has connected has been told that somebody listens, and may have sent a request already:
    // closed now, it would be lost.
    while let Some(Ok((connection, _))) = listener.accept().now_or_never() {
        serve(connection);
    }
    drop(listener);
    if connections.count() > 0 {
        tokio::time::sleep(HEARD_WITHIN).await;
    }
    if tokio::time::timeout(drain, connections.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("stopped with requests still unanswered");
    }
}

/// An answer with an `ETag` is one variant, byte for byte; whoever made it has made its others too.
fn has_no_etag(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    !headers.contains_key(header::ETAG)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_request_that_never_ends_holds_up_the_end_for_a_bounded_time() {
        let entered = Arc::new(Notify::new());
        let tell = entered.clone();
        let never = get(move || async move {
            tell.notify_one();
            std::future::pending::<()>().await;
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let stop = async move { entered.notified().await };
        let service = Router::new().route("/", never);
        let server = listen_within(service, listener, stop, HEAD, Duration::ZERO);
        let server = tokio::spawn(server);

        let mut client = TcpStream::connect(address).await.expect("a connection");
        let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
        client.write_all(request).await.expect("sent");
        server.await.expect("no panic");
    }

    #[tokio::test]
    async fn a_client_that_stops_in_the_middle_of_a_head_is_hung_up_on() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let head = Duration::from_millis(20);
        let never = std::future::pending();
        tokio::spawn(listen_within(Router::new(), listener, never, head, DRAIN));

        let mut client = TcpStream::connect(address).await.expect("a connection");
        client
            .write_all(b"GET / HTTP/1.1\r\nhost:")
            .await
            .expect("sent");
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.expect("an end");
    }
}
