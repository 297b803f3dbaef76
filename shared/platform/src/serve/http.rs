//! A function as an HTTP server: Cloud Run, a container, a laptop.

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
use crate::Resources;

/// Together with [`HEARD_WITHIN`] 9 s: Cloud Run kills what is still there 10 s after SIGTERM.
const DRAIN: Duration = Duration::from_millis(8_750);
/// How long a connection is listened to after that which has sent nothing yet.
const HEARD_WITHIN: Duration = Duration::from_millis(250);
/// More wait to be accepted until another one ends, so that file descriptors are left to work with
/// where a process has 1,024.
const CONNECTIONS: usize = 900;
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
    // More would cost more than the answer itself: what is worth it has its bodies ready.
    let compress = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(worth);
    let server = Server::new(service.layer(compress));
    let room = Arc::new(Semaphore::new(connections));
    let (tell, told) = watch::channel(());
    let serve = |socket: TcpStream, place: Option<OwnedSemaphorePermit>| {
        let served = server.clone().serve(socket, told.clone());
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
            Ok((socket, _)) => serve(socket, place),
            Err(error) => {
                tracing::warn!(%error, "a connection can't be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    // Who has connected has been told that somebody listens, and may have sent a request already:
    // closed now, it would be lost.
    while let Some(Ok((socket, _))) = listener.accept().now_or_never() {
        serve(socket, None);
    }
    drop(listener);
    drop(told);
    if tell.receiver_count() > 0 {
        tokio::time::sleep(HEARD_WITHIN).await;
    }
    let _ = tell.send(());
    if tokio::time::timeout(DRAIN, tell.closed()).await.is_err() {
        tracing::warn!("stopped with requests still unanswered");
    }
}

/// An answer with an `ETag` is one variant, byte for byte; whoever made it has made its others too.
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
        let server = tokio::spawn(listen(Router::new().route("/", never), listener, stop));

        let mut client = TcpStream::connect(address).await.expect("a connection");
        client.write_all(REQUEST).await.expect("sent");
        server.await.expect("no panic").expect("no error");
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_is_answered_once_a_silent_client_was_hung_up_on() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let service = Router::new().route("/", get(async || "here"));
        tokio::spawn(listen_to(service, listener, std::future::pending(), 1));

        let silent = TcpStream::connect(address).await.expect("a connection");
        let mut client = TcpStream::connect(address).await.expect("a connection");
        client.write_all(REQUEST).await.expect("sent");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.ends_with("here"), "{answer}");
        drop(silent);
    }
}
