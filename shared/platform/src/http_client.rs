//! The HTTP client for all services, so that a process has one TLS stack, one connection pool and no
//! certificate files to read.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::{NoProxy, Proxy};

use crate::Env;

/// TLS with aws-lc-rs and compiled-in root certificates. Creating it takes well under a millisecond.
pub fn tls() -> rustls::ClientConfig {
    let roots = rustls::RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("aws-lc-rs supports the default protocol versions")
    .with_root_certificates(roots)
    .with_no_client_auth()
}

/// BigQuery compresses responses only if the user agent contains `gzip`.
const USER_AGENT: &str = concat!("metasync/", env!("CARGO_PKG_VERSION"), " (gzip)");

/// Creates the client. It honors `HTTPS_PROXY` and `HTTP_PROXY`, except for this machine and for the hosts in
/// `NO_PROXY`.
pub fn build(env: &Env) -> anyhow::Result<reqwest::Client> {
    let mut client = reqwest::Client::builder().no_proxy();
    let direct = NoProxy::from_string(&format!(
        "localhost,127.0.0.0/8,::1,{}",
        either(env, "NO_PROXY").unwrap_or_default()
    ));
    for (name, proxy) in [
        ("HTTPS_PROXY", Proxy::https as fn(String) -> _),
        ("HTTP_PROXY", Proxy::http),
    ] {
        if let Some(url) = either(env, name) {
            let proxy = proxy(url.to_owned()).with_context(|| format!("{name} is not a URL"))?;
            client = client.proxy(proxy.no_proxy(direct.clone()));
        }
    }
    Ok(client
        .tls_backend_preconfigured(tls())
        .user_agent(USER_AGENT)
        .connect_timeout(Duration::from_secs(5))
        // While a function is frozen, its peers close idle connections.
        .pool_idle_timeout(Duration::from_secs(20))
        .http2_keep_alive_interval(Duration::from_secs(1))
        .http2_keep_alive_timeout(Duration::from_secs(2))
        // No service redirects; a proxy that asks for a login does.
        .redirect(reqwest::redirect::Policy::none())
        .build()?)
}

/// The host and the port of a URL, to name a service in an error. The rest of a URL may hold a password.
pub fn place(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The value of a variable whose name is in upper or lower case.
fn either<'a>(env: &'a Env, name: &str) -> Option<&'a str> {
    env.get(name)
        .or_else(|| env.get(&name.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that responds to one request with the request's target.
    async fn echo() -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.expect("a connection");
            let mut head = vec![0; 4096];
            let read = socket.read(&mut head).await.expect("a request");
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            let address = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let answer = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{address}");
            socket.write_all(answer.as_bytes()).await.expect("sent");
        });
        port
    }

    async fn ask(env: Env, url: &str) -> String {
        let client = build(&env).expect("a client");
        let answer = client.get(url).send().await.expect("an answer");
        answer.text().await.expect("text")
    }

    #[tokio::test]
    async fn a_proxy_is_used_for_other_machines_only() {
        let proxy = format!("http://127.0.0.1:{}", echo().await);
        let env = Env::default().with("http_proxy", proxy);
        let here = format!("http://127.0.0.1:{}/here", echo().await);
        assert_eq!(ask(env.clone(), &here).await, "/here");

        let there = "http://warehouse.invalid/there";
        assert_eq!(ask(env, there).await, there);
    }

    #[test]
    fn a_proxy_that_is_not_a_url_is_an_error_that_names_the_variable() {
        let env = Env::default().with("HTTPS_PROXY", "http://[");
        let error = build(&env).expect_err("it is not a URL");
        assert!(error.to_string().contains("HTTPS_PROXY"), "{error}");
    }
}
