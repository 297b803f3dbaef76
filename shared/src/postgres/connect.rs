//! From a connection string to a pool.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, RecyclingMethod, Runtime};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, SslNegotiation};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls::{self, Verify};
use crate::Env;

pub type Pool = deadpool_postgres::Pool;
/// A connection of the pool; it goes back when dropped.
pub type Client = deadpool_postgres::Client;

/// A frozen function wakes with connections that the other side closed long ago, so one that
/// idled for longer than this is asked whether it lives before it is handed out.
const TRUSTED_IDLE: Duration = Duration::from_secs(5);
/// A dead connection does not answer at all; this long is waited for one that is asked.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);
const WAIT_TIMEOUT: Duration = Duration::from_secs(5);
const SOCKET_TIMEOUT: Duration = Duration::from_secs(5);
/// For the socket, TLS and the login together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A query on a connection that died under it fails after this rather than after 15 minutes.
const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(15);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// The driver's own default, which no network between a function and its database waits for.
const DRIVERS_KEEPALIVE_IDLE: Duration = Duration::from_secs(2 * 60 * 60);

/// The pool for `DATABASE_URL`, of `DATABASE_POOL_SIZE` connections (default 1 on Lambda, which
/// answers one request at a time, else 16). Connects at the first query.
///
/// `sslmode` means what it means to libpq:
///
/// | `sslmode` | encrypted | verified |
/// | --- | --- | --- |
/// | `disable` | no | - |
/// | `allow`, `prefer`, none given | if the server can | no |
/// | `require` | always | no; with a CA bundle as `verify-ca` |
/// | `verify-ca` | always | against the CA bundle, which it needs; any name |
/// | `verify-full` | always | the name too, against the bundle and the public roots |
///
/// The CA bundle is `sslrootcert` in the URL (a path), or `DATABASE_CA` (a path, or the PEM text),
/// and makes `verify-full` the default. RDS and Cloud SQL sign with a CA of their own, so
/// `verify-full` needs theirs. Over a Unix socket (`?host=/cloudsql/..`) there is no TLS.
pub fn open(env: &Env) -> anyhow::Result<Pool> {
    let url = env.required("DATABASE_URL", "postgres://user:password@host/database")?;
    open_url("DATABASE_URL", url, env)
}

/// As [`open`], for a connection string from another `variable`, which errors name.
pub fn open_url(variable: &str, url: &str, env: &Env) -> anyhow::Result<Pool> {
    let (config, tls) = configure(variable, url, env)?;
    let manager = Manager::from_config(
        config,
        tls,
        ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        },
    );
    Ok(Pool::builder(manager)
        .max_size(pool_size(env)?)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(WAIT_TIMEOUT))
        .create_timeout(Some(CONNECT_TIMEOUT))
        .pre_recycle(check_when_idle(TRUSTED_IDLE))
        .build()?)
}

/// How to connect, and how to encrypt, as a connection string of `variable` has it.
pub(super) fn configure(
    variable: &str,
    url: &str,
    env: &Env,
) -> anyhow::Result<(Config, MakeRustlsConnect)> {
    let (url, sslmode) = take_parameter(url, "sslmode");
    let (url, bundle) = take_parameter(&url, "sslrootcert");
    let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
        let reason = super::describe(&error);
        anyhow::anyhow!(
            "{variable} is no Postgres URL ({reason}): write postgres://user:password@host/database"
        )
    })?;
    anyhow::ensure!(
        !config.get_hosts().is_empty() || !config.get_hostaddrs().is_empty(),
        "{variable} names no host: write postgres://user:password@host/database"
    );
    set_defaults(&mut config);

    // libpq calls the roots of the system `system`; ours are compiled in.
    let bundle = bundle.filter(|bundle| bundle != "system");
    let bundle = bundle
        .as_deref()
        .or(env.get("DATABASE_CA"))
        .map(tls::read_bundle)
        .transpose()
        .with_context(|| format!("the CA bundle for {variable}"))?;
    let (mode, verify) =
        security(sslmode.as_deref(), bundle.is_some()).with_context(|| variable.to_owned())?;
    let local = config
        .get_hosts()
        .iter()
        .all(|host| matches!(host, Host::Unix(_)));
    config.ssl_mode(if local { SslMode::Disable } else { mode });
    if verify == Verify::Nothing && !local && !is_loopback(&config) {
        tracing::warn!(
            "{variable}: the server is not verified, and so anybody between can read along; \
             set DATABASE_CA to its CA bundle and sslmode=verify-full"
        );
    }
    let mut tls = tls::client(verify, bundle.as_deref().unwrap_or_default())?;
    if config.get_ssl_negotiation() == SslNegotiation::Direct {
        tls.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok((config, MakeRustlsConnect::new(tls)))
}

fn is_loopback(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => name == "localhost" || name.starts_with("127.") || name == "::1",
        Host::Unix(_) => true,
    })
}

fn pool_size(env: &Env) -> anyhow::Result<usize> {
    let default = if env.get("AWS_LAMBDA_RUNTIME_API").is_some() {
        NonZeroUsize::MIN
    } else {
        NonZeroUsize::new(16).expect("16 is not zero")
    };
    Ok(env.parse("DATABASE_POOL_SIZE", default)?.get())
}

fn set_defaults(config: &mut Config) {
    if config.get_application_name().is_none() {
        config.application_name("metasync");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(SOCKET_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNACKNOWLEDGED_TIMEOUT);
    }
    if config.get_keepalives_idle() == DRIVERS_KEEPALIVE_IDLE {
        config.keepalives_idle(KEEPALIVE_IDLE);
    }
}

fn security(sslmode: Option<&str>, bundle: bool) -> anyhow::Result<(SslMode, Verify)> {
    Ok(match (sslmode, bundle) {
        (Some("disable"), _) => (SslMode::Disable, Verify::Nothing),
        (Some("allow" | "prefer"), _) | (None, false) => (SslMode::Prefer, Verify::Nothing),
        (Some("require"), false) => (SslMode::Require, Verify::Nothing),
        (Some("require" | "verify-ca"), true) => (SslMode::Require, Verify::Issuer),
        (Some("verify-full"), _) | (None, true) => (SslMode::Require, Verify::IssuerAndName),
        (Some("verify-ca"), false) => anyhow::bail!(
            "sslmode=verify-ca needs the server's CA: set DATABASE_CA to its PEM file, or use \
             verify-full with a server that a public CA signed"
        ),
        (Some(other), _) => anyhow::bail!(
            "sslmode={other:?} is none of disable, allow, prefer, require, verify-ca, verify-full"
        ),
    })
}

fn check_when_idle(trusted: Duration) -> Hook {
    let last_checkout = Mutex::new(SystemTime::now());
    Hook::async_fn(move |client, metrics| {
        let now = SystemTime::now();
        let previous = last_checkout
            .lock()
            .map(|mut last| std::mem::replace(&mut *last, now));
        // The monotonic clock may stand still while the machine is frozen; the other one does not.
        let elapsed = previous.ok().and_then(|last| now.duration_since(last).ok());
        let fresh =
            metrics.last_used() < trusted && elapsed.is_some_and(|elapsed| elapsed < trusted);
        Box::pin(async move {
            if fresh {
                return Ok(());
            }
            match tokio::time::timeout(CHECK_TIMEOUT, client.check_connection()).await {
                Ok(answer) => answer.map_err(HookError::Backend),
                Err(_) => Err(HookError::message("an idle connection does not answer")),
            }
        })
    })
}

/// Takes a parameter out of a connection string, `postgres://..?name=value` or `name=value ..`:
/// what is left, and the value.
pub fn take_parameter(url: &str, name: &str) -> (String, Option<String>) {
    let mut value = None;
    let mut keep = |pair: &&str| match pair.split_once('=') {
        Some((key, text)) if key == name => {
            value = Some(text.to_owned());
            false
        }
        _ => true,
    };
    if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
        let rest: Vec<&str> = words(url).into_iter().filter(|word| keep(word)).collect();
        let value = value.map(|text| text.trim_matches('\'').to_owned());
        return (rest.join(" "), value);
    }
    let Some((base, query)) = url.split_once('?') else {
        return (url.to_owned(), None);
    };
    let rest: Vec<&str> = query.split('&').filter(keep).collect();
    let value = value.map(|text| {
        percent_encoding::percent_decode_str(&text)
            .decode_utf8_lossy()
            .into_owned()
    });
    match rest.as_slice() {
        [] => (base.to_owned(), value),
        rest => (format!("{base}?{}", rest.join("&")), value),
    }
}

/// Splits at spaces that are not within `'..'`.
fn words(text: &str) -> Vec<&str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(|character: char| {
        let ends = character.is_whitespace() && !quoted && !escaped;
        quoted ^= character == '\'' && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    })
    .filter(|word| !word.is_empty())
    .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn a_parameter_is_taken_out_of_either_form() {
        let cases = [
            (
                "postgres://h/d?sslmode=a&x=1",
                "postgres://h/d?x=1",
                Some("a"),
            ),
            ("postgres://h/d?x=1", "postgres://h/d?x=1", None),
            (
                "postgresql:///d?sslmode=%2Fa",
                "postgresql:///d",
                Some("/a"),
            ),
            (
                "host=h  password='a sslmode=b' sslmode='c'",
                "host=h password='a sslmode=b'",
                Some("c"),
            ),
            (r"password=\'a sslmode=b", r"password=\'a", Some("b")),
        ];
        for (url, rest, value) in cases {
            let taken = take_parameter(url, "sslmode");
            assert_eq!(taken, (rest.to_owned(), value.map(str::to_owned)), "{url}");
        }
    }

    #[test]
    fn a_pool_has_one_connection_on_lambda_and_sixteen_elsewhere() {
        let url = ("DATABASE_URL", "postgres://u@h/d");
        let size = |more: &[(&str, &str)]| {
            let env = env(&[&[url], more].concat());
            open(&env).map(|pool| pool.status().max_size)
        };
        assert_eq!(size(&[]).unwrap(), 16);
        assert_eq!(size(&[("AWS_LAMBDA_RUNTIME_API", "localhost")]).unwrap(), 1);
        assert_eq!(size(&[("DATABASE_POOL_SIZE", "3")]).unwrap(), 3);
        let error = size(&[("DATABASE_POOL_SIZE", "0")]).unwrap_err();
        assert!(
            error.to_string().starts_with("DATABASE_POOL_SIZE is"),
            "{error}"
        );
    }

    /// A server that lets everybody in, and from then on keeps silent, as one does behind a
    /// network that forgot the connection.
    async fn silent_server() -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut socket, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let _ = socket.read(&mut [0; 1024]).await;
                socket
                    .write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I")
                    .await
                    .unwrap();
                open.push(socket);
            }
        });
        (port, connections)
    }

    #[tokio::test]
    async fn a_connection_that_idled_and_does_not_answer_is_replaced_and_a_fresh_one_not_asked() {
        for (trusted, expected) in [(Duration::MAX, 1), (Duration::ZERO, 2)] {
            let (port, connections) = silent_server().await;
            let config = format!("postgres://u@127.0.0.1:{port}/d?sslmode=disable");
            let manager = Manager::new(config.parse().unwrap(), tokio_postgres::NoTls);
            let pool = Pool::builder(manager)
                .max_size(1)
                .pre_recycle(check_when_idle(trusted))
                .build()
                .unwrap();
            drop(pool.get().await.unwrap());
            drop(pool.get().await.unwrap());
            assert_eq!(connections.load(Ordering::Relaxed), expected);
        }
    }

    #[test]
    fn a_bad_url_is_named_without_its_password() {
        for url in [
            "mysql://u:hunter2@h/d",
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hunter2@h/d?sslmode=maybe",
            "postgres://u:hunter2@h/d?sslmode=verify-ca",
            "postgres://u:hunter2@h/d?surprise=1",
            "postgres:///d",
        ] {
            let error = open(&env(&[("DATABASE_URL", url)])).unwrap_err();
            let text = format!("{error:#}");
            assert!(text.contains("DATABASE_URL"), "{url}: {text}");
            assert!(!text.contains("hunter2"), "{url}: {text}");
        }
    }
}
