//! A pool of connections, with a limit on the time for which one is used.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, Object, RecycleError, RecycleResult, TimeoutType};
use tokio::task::AbortHandle;
use tokio::time::{sleep_until, timeout};
use tokio_postgres::config::Host;
use tokio_postgres::{Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::describe;
use super::wait_limit::Wait;
use crate::secrets::Rotating;

pub type PoolError = managed::PoolError<ConnectError>;

/// Why a connection could not be opened, or no longer responds.
#[derive(Debug, thiserror::Error)]
#[error("no connection to {address}: {}", describe(.source))]
pub struct ConnectError {
    /// The host and the port, without the login.
    pub address: String,
    pub source: Error,
}

/// The idle time after which a connection is checked before it is reused. While a function is frozen, the
/// server closes its connections.
const TRUSTED_IDLE: Duration = Duration::from_secs(5);
/// The time for the check. A dead connection never responds.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);
/// The time to wait for a connection that is in use.
const WAIT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time for the socket, TLS and the login together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections to one database. Clones share them.
///
/// The time from [`Pool::get`] until the connection is dropped is limited, connecting and every statement
/// included. When it is over, the connection is closed, and statements on it fail with an error that
/// [`super::is_unavailable`]. A database that hangs therefore blocks no request for long.
#[derive(Clone)]
pub struct Pool {
    connections: managed::Pool<Connector>,
    /// None for the time that the request has left; see [`super::wait_limit`].
    longest: Option<Duration>,
}

impl Pool {
    pub(super) fn new(connector: Connector, size: usize) -> anyhow::Result<Self> {
        let connections = managed::Pool::builder(connector)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT_TIMEOUT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .build()?;
        Ok(Self {
            connections,
            longest: None,
        })
    }

    /// The same connections with another limit, independent of the request, for work such as that of
    /// triggers. `Duration::MAX` means no limit.
    #[must_use]
    pub fn within(&self, longest: Duration) -> Self {
        Self {
            connections: self.connections.clone(),
            longest: Some(longest),
        }
    }

    /// Takes a connection from the pool, or opens one.
    pub async fn get(&self) -> Result<Client, PoolError> {
        let wait = self.longest.map_or_else(Wait::begin, Wait::within);
        if wait.longest.is_zero() {
            return Err(PoolError::Timeout(TimeoutType::Wait));
        }
        let connection = timeout(wait.longest, self.connections.get()).await;
        let connection = connection.unwrap_or(Err(PoolError::Timeout(TimeoutType::Wait)))?;
        Ok(Client::new(connection, wait))
    }

    /// The limit on the number of connections.
    pub fn max_size(&self) -> usize {
        self.connections.status().max_size
    }
}

/// A connection of a pool, which returns to the pool when it is dropped.
pub struct Client {
    /// None only during the drop.
    connection: Option<Object<Connector>>,
    wait: Wait,
    /// Closes the connection when its time is over.
    watch: Option<AbortHandle>,
    is_reusable: bool,
}

impl Client {
    fn new(connection: Object<Connector>, wait: Wait) -> Self {
        let task = connection.task.clone();
        let longest = wait.longest;
        let watch = wait.end().map(|end| {
            let watch = tokio::spawn(async move {
                sleep_until(end).await;
                tracing::warn!(
                    longest_ms = longest.as_millis() as u64,
                    "closed a connection to the database that was used for too long"
                );
                task.abort();
            });
            watch.abort_handle()
        });
        Self {
            connection: Some(connection),
            wait,
            watch,
            is_reusable: true,
        }
    }

    /// Closes the connection on drop, for one whose session state was changed.
    pub fn close_when_dropped(&mut self) {
        self.is_reusable = false;
    }

    /// The time for which it may still be used.
    pub(super) fn left(&self) -> Duration {
        self.wait.left()
    }

    fn connection(&self) -> &Object<Connector> {
        self.connection
            .as_ref()
            .expect("a connection has a value until its drop")
    }
}

impl Deref for Client {
    type Target = tokio_postgres::Client;

    fn deref(&self) -> &Self::Target {
        &self.connection().client
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Self::Target {
        let connection = self.connection.as_mut();
        let connection = connection.expect("a connection has a value until its drop");
        &mut connection.client
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pool")
            .field("max_size", &self.max_size())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
        // The watch may just have closed it.
        if (!self.is_reusable || self.left().is_zero())
            && let Some(connection) = self.connection.take()
        {
            drop(Object::take(connection));
        }
    }
}

/// Opens connections, and checks one before it is reused.
pub(super) struct Connector {
    target: Rotating<Target>,
    trusted_idle: Duration,
    /// By the wall clock: the monotonic clock may stop while the function is frozen.
    last_checkout: Mutex<SystemTime>,
}

/// What to connect to, with which login and which TLS.
pub struct Target {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
}

impl Target {
    /// The hosts with their ports, as a log may show them.
    fn address(&self) -> String {
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        let mut hosts: Vec<String> = hosts.collect();
        if hosts.is_empty() {
            hosts.extend(self.config.get_hostaddrs().iter().map(ToString::to_string));
        }
        let ports = self.config.get_ports();
        for (number, host) in hosts.iter_mut().enumerate() {
            let port = ports.get(number).or(ports.first()).unwrap_or(&5_432);
            *host += &format!(":{port}");
        }
        hosts.join(", ")
    }

    fn error(&self, source: Error) -> ConnectError {
        ConnectError {
            address: self.address(),
            source,
        }
    }
}

impl Connector {
    /// A changed target, such as a new password, applies to new connections.
    pub(super) fn new(target: Rotating<Target>) -> Self {
        Self {
            target,
            trusted_idle: TRUSTED_IDLE,
            last_checkout: Mutex::new(SystemTime::now()),
        }
    }

    fn is_fresh(&self, metrics: &Metrics) -> bool {
        let now = SystemTime::now();
        let previous = self.last_checkout.lock();
        let previous = previous.map(|mut last| std::mem::replace(&mut *last, now));
        let elapsed = previous.ok().and_then(|last| now.duration_since(last).ok());
        metrics.last_used() < self.trusted_idle
            && elapsed.is_some_and(|elapsed| elapsed < self.trusted_idle)
    }
}

/// A connection, and the task that drives it.
pub(super) struct Connection {
    client: tokio_postgres::Client,
    task: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl managed::Manager for Connector {
    type Type = Connection;
    type Error = ConnectError;

    async fn create(&self) -> Result<Connection, ConnectError> {
        let target = self.target.current();
        let connected = target.config.connect(target.tls.clone()).await;
        let (client, connection) = connected.map_err(|error| target.error(error))?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!("a connection to the database failed: {}", describe(&error));
            }
        });
        Ok(Connection {
            client,
            task: task.abort_handle(),
        })
    }

    async fn recycle(
        &self,
        connection: &mut Connection,
        metrics: &Metrics,
    ) -> RecycleResult<ConnectError> {
        if connection.client.is_closed() {
            return Err(RecycleError::message("the connection is closed"));
        }
        if self.is_fresh(metrics) {
            return Ok(());
        }
        match timeout(CHECK_TIMEOUT, connection.client.check_connection()).await {
            Ok(checked) => checked.map_err(|error| self.target.current().error(error).into()),
            Err(_) => Err(RecycleError::message("an idle connection doesn't respond")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    use super::*;
    use crate::Env;
    use crate::postgres::{is_unavailable, open};

    /// A server that accepts every login and never responds again.
    async fn silent_server() -> (Env, Arc<AtomicUsize>) {
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
        let url = format!("postgres://u@127.0.0.1:{port}/d?sslmode=disable");
        (Env::default().with("DATABASE_URL", url), connections)
    }

    #[tokio::test]
    async fn an_idle_connection_that_does_not_respond_is_replaced_and_a_fresh_one_is_not_checked() {
        for (trusted, expected) in [(Duration::MAX, 1), (Duration::ZERO, 2)] {
            let (env, connections) = silent_server().await;
            let url = env.required("DATABASE_URL", "").unwrap();
            let target = crate::postgres::target("", url, &env).unwrap();
            let mut connector = Connector::new(Rotating::fixed(target));
            connector.trusted_idle = trusted;
            let pool = Pool::new(connector, 1).unwrap();
            drop(pool.get().await.unwrap());
            drop(pool.get().await.unwrap());
            assert_eq!(connections.load(Ordering::Relaxed), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn statements_to_a_silent_server_fail_in_time_and_the_connection_is_not_reused() {
        let (env, connections) = silent_server().await;
        let pool = open(&env).unwrap();
        for (longest, pool) in [
            (Duration::from_secs(9), pool.clone()),
            (
                Duration::from_secs(900),
                pool.within(Duration::from_secs(900)),
            ),
        ] {
            let started = Instant::now();
            let mut client = pool.get().await.unwrap();
            let Err(error) = client.transaction().await else {
                panic!("the server never responds");
            };
            assert!(is_unavailable(&error), "{error:?}");
            assert_eq!(started.elapsed().as_secs(), longest.as_secs());
            drop(client);
        }
        assert_eq!(connections.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_was_closed_or_returned_in_time_is_not_closed_later() {
        let (env, connections) = silent_server().await;
        let pool = open(&env).unwrap();
        let mut client = pool.get().await.unwrap();
        client.close_when_dropped();
        drop(client);
        for _ in 0..3 {
            drop(pool.get().await.unwrap());
        }
        assert_eq!(connections.load(Ordering::Relaxed), 2);
    }
}
