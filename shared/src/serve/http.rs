//! A function as an HTTP server: Cloud Run, a container, a laptop.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use axum::serve::ListenerExt as _;
use http::{Extensions, HeaderMap, StatusCode, Version, header};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate as _};

use crate::Resources;

/// Cloud Run kills what is still there 10 s after SIGTERM.
const DRAIN: Duration = Duration::from_secs(9);

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

/// Serves until `stop` completes, then takes no more connections and gives the requests in flight
/// 9 s to finish.
pub async fn listen(
    service: axum::Router,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    listen_and_drain(service, listener, stop, DRAIN).await
}

async fn listen_and_drain(
    service: axum::Router,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
    drain: Duration,
) -> anyhow::Result<()> {
    let listener = listener.tap_io(|connection| {
        // Without it small answers may wait for the other side's acknowledgement.
        let _ = connection.set_nodelay(true);
    });
    let compress = CompressionLayer::new().compress_when(DefaultPredicate::new().and(has_no_etag));
    let (stopping, stopped) = oneshot::channel();
    let server = axum::serve(listener, service.layer(compress)).with_graceful_shutdown(async {
        stop.await;
        let _ = stopping.send(());
    });
    let given_up = async {
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        done = server => done.context("the server failed"),
        () = given_up => {
            tracing::warn!("stopped with requests still unanswered");
            Ok(())
        }
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
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpStream;
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
        let server = tokio::spawn(listen_and_drain(service, listener, stop, Duration::ZERO));

        let mut client = TcpStream::connect(address).await.expect("a connection");
        let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
        client.write_all(request).await.expect("sent");
        server.await.expect("no panic").expect("an end");
    }
}
