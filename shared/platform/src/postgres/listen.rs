//! What other sessions notify: a connection of its own that stays.

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

/// A connection to `DATABASE_URL` that listens. It is not the pool's, since a listener is session
/// state; behind a pooler in transaction mode nothing arrives, which only a notification of one's
/// own that does not come back can tell.
#[derive(Debug)]
pub struct Notifications {
    client: Client,
    heard: mpsc::UnboundedReceiver<Notification>,
}

impl Notifications {
    /// Once it returns, every notification of these channels is heard that is committed later.
    pub async fn open(env: &Env, channels: &[&str]) -> anyhow::Result<Self> {
        let url = env.required("DATABASE_URL", "postgres://user:password@host/database")?;
        let (config, tls) = configure("DATABASE_URL", url, env)?;
        let connected = timeout(CONNECT_TIMEOUT, config.connect(tls)).await;
        let (client, mut connection) = connected
            .context("no connection to listen on within 10 s")?
            .map_err(|error| anyhow!("cannot connect to listen: {}", describe(&error)))?;
        let (tell, heard) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await
            {
                if let AsyncMessage::Notification(notification) = message
                    && tell.send(notification).is_err()
                {
                    break;
                }
            }
        });
        for channel in channels {
            client
                .batch_execute(&format!("listen \"{}\"", channel.replace('"', "\"\"")))
                .await
                .map_err(|error| anyhow!("cannot listen: {}", describe(&error)))?;
        }
        Ok(Self { client, heard })
    }

    /// The next one; none where the connection has ended.
    pub async fn next(&mut self) -> Option<Notification> {
        self.heard.recv().await
    }

    /// Notifies over this very connection.
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
