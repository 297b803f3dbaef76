//! Connections that are used again, and for how long one is used at a time.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, Object, RecycleError, RecycleResult, TimeoutType};
use tokio::task::AbortHandle;
use tokio::time::{sleep_until, timeout};
use tokio_postgres::{Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::describe;
use super::patience::Wait;

pub type PoolError = managed::PoolError<Error>;

/// A frozen function wakes with connections that the other side closed long ago, so one that
/// idled for longer than this is asked whether it lives before it is handed out.
const TRUSTED_IDLE: Duration = Duration::from_secs(5);
/// A dead connection does not answer at all; this long is waited for one that is asked.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);
/// For another caller to give a connection back.
const WAIT_TIMEOUT: Duration = Duration::from_secs(5);
/// For the socket, TLS and the login together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections to one database. Cheap to clone: every clone shares them.
///
/// A connection is used for a bounded time: from [`Pool::get`] until it is dropped, connecting and
/// every statement included. After that it is closed, and whatever waits for an answer on it fails
/// with an error that [`super::is_unavailable`]. So a database that stands still holds up nobody
/// for long, whether or not the caller thought of it.
#[derive(Clone)]
pub struct Pool {
    connections: managed::Pool<Connector>,
    /// None for what the request has left, see [`super::patience`].
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

    /// The same connections for work that nobody waits for, such as a trigger's: each may be used
    /// for so long at a time, whatever the request has left. `Duration::MAX` is no limit.
    #[must_use]
    pub fn within(&self, longest: Duration) -> Self {
        Self {
            connections: self.connections.clone(),
            longest: Some(longest),
        }
    }

    pub async fn get(&self) -> Result<Client, PoolError> {
        let wait = self.longest.map_or_else(Wait::begin, Wait::of_its_own);
        if wait.longest.is_zero() {
            return Err(PoolError::Timeout(TimeoutType::Wait));
        }
        let connection = timeout(wait.longest, self.connections.get()).await;
        let connection = connection.unwrap_or(Err(PoolError::Timeout(TimeoutType::Wait)))?;
        Ok(Client::new(connection, wait))
    }

    /// How many connections there can be.
    pub fn max_size(&self) -> usize {
        self.connections.status().max_size
    }
}

/// A connection of a pool; it goes back when dropped.
pub struct Client {
    /// None only while it is dropped.
    connection: Option<Object<Connector>>,
    wait: Wait,
    /// Closes the connection when its time is over.
    watch: Option<AbortHandle>,
    goes_back: bool,
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
                    "a connection to the database is closed: it was used for too long"
                );
                task.abort();
            });
            watch.abort_handle()
        });
        Self {
            connection: Some(connection),
            wait,
            watch,
            goes_back: true,
        }
    }

    /// Closes the connection when this is dropped, for one that is left in a state of its own.
    pub fn close_when_dropped(&mut self) {
        self.goes_back = false;
    }

    /// How long it may still be used.
    pub(super) fn left(&self) -> Duration {
        self.wait.left()
    }

    fn connection(&self) -> &Object<Connector> {
        self.connection
            .as_ref()
            .expect("it is there until it is dropped")
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
        &mut connection.expect("it is there until it is dropped").client
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
        // The watch may have closed it this very moment.
        if (!self.goes_back || self.left().is_zero())
            && let Some(connection) = self.connection.take()
        {
            drop(Object::take(connection));
        }
    }
}

/// What makes connections, and looks at one before it is handed out again.
pub(super) struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
    trusted_idle: Duration,
    /// The monotonic clock may stand still while the machine is frozen; this one does not.
    last_checkout: Mutex<SystemTime>,
}

impl Connector {
    pub(super) fn new(config: Config, tls: MakeRustlsConnect) -> Self {
        Self {
            config,
            tls,
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

/// A connection, and the task that it lives in.
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
    type Error = Error;

    async fn create(&self) -> Result<Connection, Error> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::warn!("a connection to the database broke: {}", describe(&error));
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
    ) -> RecycleResult<Error> {
        if connection.client.is_closed() {
            return Err(RecycleError::message("it is closed"));
        }
        if self.is_fresh(metrics) {
            return Ok(());
        }
        match timeout(CHECK_TIMEOUT, connection.client.check_connection()).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(RecycleError::message("an idle connection does not answer")),
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

    /// A server that lets everybody in, and from then on keeps silent, as one does behind a
    /// network that forgot the connection.
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
    async fn a_connection_that_idled_and_does_not_answer_is_replaced_and_a_fresh_one_not_asked() {
        for (trusted, expected) in [(Duration::MAX, 1), (Duration::ZERO, 2)] {
            let (env, connections) = silent_server().await;
            let url = env.required("DATABASE_URL", "").unwrap();
            let (config, tls) = crate::postgres::connect::configure("", url, &env).unwrap();
            let mut connector = Connector::new(config, tls);
            connector.trusted_idle = trusted;
            let pool = Pool::new(connector, 1).unwrap();
            drop(pool.get().await.unwrap());
            drop(pool.get().await.unwrap());
            assert_eq!(connections.load(Ordering::Relaxed), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_is_asked_of_a_silent_server_fails_in_time_and_its_connection_is_not_used_again()
     {
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
                panic!("nobody answered");
            };
            assert!(is_unavailable(&error), "{error:?}");
            assert_eq!(started.elapsed().as_secs(), longest.as_secs());
            drop(client);
        }
        assert_eq!(connections.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_was_closed_on_purpose_or_given_back_in_time_is_not_closed_later() {
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
