//! Opens pools by connection strings.

use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::Context as _;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, SslNegotiation};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::pool::{Connector, Pool, Target};
use super::tls::{self, Verify};
use crate::secrets::Rotating;
use crate::{All as _, Env};

const SOCKET_TIMEOUT: Duration = Duration::from_secs(5);
/// After this time, a query on a dead connection fails. The system's default is 15 minutes.
const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(15);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// The driver's default, which is longer than networks keep idle connections.
const DRIVERS_KEEPALIVE_IDLE: Duration = Duration::from_secs(2 * 60 * 60);

/// The pool for `DATABASE_URL`, with `DATABASE_POOL_SIZE` connections (default 1 on Lambda, which serves one
/// request at a time, otherwise 16). It connects at the first query.
///
/// `sslmode` follows libpq:
///
/// | `sslmode` | encrypted | verified |
/// | --- | --- | --- |
/// | `disable` | no | - |
/// | `allow`, `prefer`, none given | if the server can | no |
/// | `require` | always | no; with a CA bundle as `verify-ca` |
/// | `verify-ca` | always | the issuer, by the CA bundle, which is required |
/// | `verify-full` | always | the issuer, by the CA bundle and the public roots, and the name |
///
/// The CA bundle is `sslrootcert` in the URL (a path), or `DATABASE_CA` (a path, or the PEM text). With a
/// bundle, `verify-full` is the default. RDS and Cloud SQL use CAs of their own, whose bundle `verify-full`
/// needs. Unix sockets (`?host=/cloudsql/..`) don't use TLS.
pub fn open(env: &Env) -> anyhow::Result<Pool> {
    open_url("DATABASE_URL", database_url(env)?, env)
}

/// The server, the login and TLS of a connection string of `variable`, which errors name.
pub fn target(variable: &str, url: &str, env: &Env) -> anyhow::Result<Target> {
    let (config, tls) = configure(variable, url, env)?;
    Ok(Target { config, tls })
}

/// Opens a pool whose new connections lead to the current target, also after its secret has changed.
pub fn open_target(target: Rotating<Target>, env: &Env) -> anyhow::Result<Pool> {
    open_result(Ok(target), env)
}

/// Like [`open_target`]. An error of the target is reported together with one of the size of the pool.
pub(crate) fn open_result(
    target: anyhow::Result<Rotating<Target>>,
    env: &Env,
) -> anyhow::Result<Pool> {
    let (target, size) = (target, pool_size(env)).all()?;
    Pool::new(Connector::new(target), size)
}

/// The value of `DATABASE_URL`.
pub(crate) fn database_url(env: &Env) -> anyhow::Result<&str> {
    env.required("DATABASE_URL", "postgres://user:password@host/database")
}

/// Like [`open`], for a connection string of another `variable`, which errors name.
pub fn open_url(variable: &str, url: &str, env: &Env) -> anyhow::Result<Pool> {
    open_target(Rotating::fixed(target(variable, url, env)?), env)
}

/// The configuration of the connection and of TLS by a connection string of `variable`.
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
            "{variable} is not a Postgres URL ({reason}): write postgres://user:password@host/database"
        )
    })?;
    anyhow::ensure!(
        !config.get_hosts().is_empty() || !config.get_hostaddrs().is_empty(),
        "{variable} names no host: write postgres://user:password@host/database"
    );
    set_defaults(&mut config);

    // For libpq, `system` means the root certificates of the system; here they are compiled in.
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
            "{variable}: the server's certificate is not verified, so the connection can be \
             intercepted; set DATABASE_CA to its CA bundle and sslmode=verify-full"
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
            "sslmode={other:?} is not one of disable, allow, prefer, require, verify-ca, verify-full"
        ),
    })
}

/// Removes a parameter from a connection string, `postgres://..?name=value` or `name=value ..`. Returns the
/// rest and the value.
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
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn a_parameter_is_removed_from_both_forms_of_connection_strings() {
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
            open(&env).map(|pool| pool.max_size())
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

    #[test]
    fn an_invalid_url_is_reported_without_its_password() {
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
