//! Notifications by other sessions (`listen`), on a connection of its own.

use std::future::poll_fn;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Notification};

use super::connect::configure;
use super::describe;
use crate::Env;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to `DATABASE_URL` that listens for notifications. It is not in the pool, because listening is
/// session state. Behind a pooler in transaction mode, no notification arrives; the only sign is that a
/// notification by this connection itself doesn't come back.
#[derive(Debug)]
pub struct Notifications {
    client: Client,
    received: mpsc::UnboundedReceiver<Notification>,
}

impl Notifications {
    /// Listens on these channels. Every notification that is committed after this returns is received.
    pub async fn open(env: &Env, channels: &[&str]) -> anyhow::Result<Self> {
        let url = env.required("DATABASE_URL", "postgres://user:password@host/database")?;
        let (config, tls) = configure("DATABASE_URL", url, env)?;
        let connected = timeout(CONNECT_TIMEOUT, config.connect(tls)).await;
        let (client, mut connection) = connected
            .context("can't connect to listen within 10 s")?
            .map_err(|error| anyhow!("can't connect to listen: {}", describe(&error)))?;
        let (send, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await
            {
                if let AsyncMessage::Notification(notification) = message
                    && send.send(notification).is_err()
                {
                    break;
                }
            }
        });
        for channel in channels {
            client
                .batch_execute(&format!("listen \"{}\"", channel.replace('"', "\"\"")))
                .await
                .map_err(|error| anyhow!("can't listen: {}", describe(&error)))?;
        }
        Ok(Self { client, received })
    }

    /// The next notification, or none if the connection has ended.
    pub async fn next(&mut self) -> Option<Notification> {
        self.received.recv().await
    }

    /// Sends a notification on this connection.
    pub async fn notify(&self, channel: &str, payload: &str) -> Result<(), tokio_postgres::Error> {
        self.client
            .query_typed(
                "select pg_notify($1, $2)",
                &[(&channel, Type::TEXT), (&payload, Type::TEXT)],
            )
            .await
            .map(drop)
    }
}
