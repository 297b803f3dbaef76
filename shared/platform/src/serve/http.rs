//! The HTTP server, for Cloud Run, containers and local use.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::FutureExt as _;
use http::{Extensions, HeaderMap, StatusCode, Version, header};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate as _, SizeAbove};

use super::connection::Server;
use crate::{Env, Resources};

/// The time for requests in flight after SIGTERM. Cloud Run kills the process after 10 s; with
/// [`HEARD_WITHIN`] this is 9 s.
const DRAIN: Duration = Duration::from_millis(8_750);
/// The time within which a new connection may still send a request after SIGTERM.
const HEARD_WITHIN: Duration = Duration::from_millis(250);
/// The limit of open connections; more wait to be accepted. It leaves file descriptors for other uses if a
/// process may have 1,024.
const CONNECTIONS: usize = 900;
/// The smallest size, in bytes, for which compression saves a packet.
const WORTH_COMPRESSING: u64 = 1_024;
/// The pause after the system refuses a connection, mostly for lack of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// A future that completes at SIGTERM or SIGINT. Both are caught from this call on.
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

/// The number in `PORT` (default 8080).
pub(super) fn port(env: &Env) -> anyhow::Result<u16> {
    env.parse("PORT", 8080)
}

/// Listens on the port of `PORT`, on every interface, or with `AUTH_MODE=open` on loopback only.
pub async fn bind(resources: &Resources) -> anyhow::Result<TcpListener> {
    let port = port(resources.env())?;
    let interface = if resources.auth()?.is_open() {
        Ipv4Addr::LOCALHOST
    } else {
        Ipv4Addr::UNSPECIFIED
    };
    let address = SocketAddr::from((interface, port));
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("can't listen on {address}: set PORT to a free port"))
}

/// Serves until `stop` completes. It then accepts no more connections, and gives requests in flight 9 s to
/// finish.
pub async fn listen(
    service: axum::Router,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    listen_to(service, listener, stop, CONNECTIONS).await;
    Ok(())
}

async fn listen_to(
    service: axum::Router,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
    connections: usize,
) {
    let worth = DefaultPredicate::new()
        .and(SizeAbove::new(WORTH_COMPRESSING))
        .and(has_no_etag);
    // A higher level would take longer than the response. Apps that want one compress in advance.
    let compress = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(worth);
    let server = Server::new(service.layer(compress));
    let room = Arc::new(Semaphore::new(connections));
    let (stopping, is_stopping) = watch::channel(());
    let serve = |(socket, peer): (TcpStream, SocketAddr), place: Option<OwnedSemaphorePermit>| {
        let served = server.clone();
        let served = served.serve(socket, peer.ip(), is_stopping.clone());
        tokio::spawn(async move {
            served.await;
            drop(place);
        });
    };
    let accept = async || {
        let place = room.clone().acquire_owned().await;
        (listener.accept().await, place.ok())
    };
    let mut stop = pin!(stop);
    loop {
        let (accepted, place) = tokio::select! {
            accepted = accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok(connection) => serve(connection, place),
            Err(error) => {
                tracing::warn!(%error, "a connection can't be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    // Connections that wait to be accepted may have sent a request already, which closing them would lose.
    while let Some(Ok(connection)) = listener.accept().now_or_never() {
        serve(connection, None);
    }
    drop(listener);
    drop(is_stopping);
    if stopping.receiver_count() > 0 {
        tokio::time::sleep(HEARD_WITHIN).await;
    }
    let _ = stopping.send(());
    if tokio::time::timeout(DRAIN, stopping.closed())
        .await
        .is_err()
    {
        tracing::warn!("stopped with requests in flight");
    }
}

/// A response with an `ETag` is one exact variant, which must not be compressed again.
fn has_no_etag(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    !headers.contains_key(header::ETAG)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

    #[tokio::test(start_paused = true)]
    async fn a_request_that_never_ends_delays_the_shutdown_for_a_limited_time() {
        let entered = Arc::new(Notify::new());
        let notify = entered.clone();
        let never = get(move || async move {
            notify.notify_one();
            std::future::pending::<()>().await;
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let stop = async move { entered.notified().await };
        let server = tokio::spawn(listen(Router::new().route("/", never), listener, stop));

        let mut client = TcpStream::connect(address).await.expect("a connection");
        client.write_all(REQUEST).await.expect("sent");
        server.await.expect("no panic").expect("no error");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_over_the_limit_is_served_once_a_silent_one_is_closed() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let service = Router::new().route("/", get(async || "here"));
        tokio::spawn(listen_to(service, listener, std::future::pending(), 1));

        let silent = TcpStream::connect(address).await.expect("a connection");
        let mut client = TcpStream::connect(address).await.expect("a connection");
        client.write_all(REQUEST).await.expect("sent");
        let mut response = String::new();
        let read = client.read_to_string(&mut response).await;
        read.expect("a response");
        assert!(response.ends_with("here"), "{response}");
        drop(silent);
    }
}
