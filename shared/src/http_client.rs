//! The one HTTP client: every service is reached through it, so that a process has one TLS stack,
//! one connection pool and no certificate files to read.

use std::sync::Arc;
use std::time::Duration;

/// Roots compiled in, aws-lc-rs, HTTP/1.1 and HTTP/2. Building it takes well under a millisecond.
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

/// BigQuery compresses answers only for a user agent that names gzip.
const USER_AGENT: &str = concat!("metasync/", env!("CARGO_PKG_VERSION"), " (gzip)");

pub fn build() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls())
        .user_agent(USER_AGENT)
        .connect_timeout(Duration::from_secs(5))
        // A frozen function wakes with connections that the other side has closed long ago.
        .pool_idle_timeout(Duration::from_secs(20))
        .http2_keep_alive_interval(Duration::from_secs(1))
        .http2_keep_alive_timeout(Duration::from_secs(2))
        // No service that we call redirects; what does is a proxy that wants a login.
        .redirect(reqwest::redirect::Policy::none())
        .build()?)
}
