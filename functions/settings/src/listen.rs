//! Listens to notifications of changes, in a process that keeps running.
//!
//! A connection may be dead without an error, and a pooler may drop notifications. So the cache is trusted only while
//! the process's own notifications keep coming back.

use std::sync::Weak;
use std::time::Duration;

use platform::Env;
use platform::postgres::Notifications;
use platform::secrets::Rotating;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::cache::Cache;

const CHANNEL: &str = "robeing_settings";
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// The first and the longest pause before another connection.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// Runs until the cache is dropped.
pub async fn run(env: Rotating<Env>, cache: Weak<Cache>) {
    let mut pause = PAUSES[0];
    loop {
        let own = format!("{CHANNEL}_{}", Uuid::new_v4().simple());
        // Its password may have changed.
        let env = env.current();
        match Notifications::open(&env, &[CHANNEL, &own]).await {
            Ok(notifications) => {
                if listen(notifications, &own, &cache).await {
                    pause = PAUSES[0];
                }
            }
            Err(error) => tracing::warn!("{error:#}"),
        }
        let Some(cache) = cache.upgrade() else {
            return;
        };
        cache.distrust();
        drop(cache);
        tracing::warn!(
            "notifications of changed settings don't arrive: each read queries the database"
        );
        sleep(pause).await;
        pause = (pause * 2).min(PAUSES[1]);
    }
}

/// Listens until a probe fails. Returns whether any probe succeeded.
async fn listen(mut notifications: Notifications, own: &str, cache: &Weak<Cache>) -> bool {
    for probes in 0.. {
        let sent = notifications.notify(own, "");
        if !matches!(timeout(PROBE_TIMEOUT, sent).await, Ok(Ok(()))) {
            return probes > 0;
        }
        let came_back = receive_until(&mut notifications, own, cache);
        if !matches!(timeout(PROBE_TIMEOUT, came_back).await, Ok(true)) {
            return probes > 0;
        }
        let Some(trusted) = cache.upgrade() else {
            return true;
        };
        trusted.trust();
        drop(trusted);
        // Ends early only if the connection does.
        if let Ok(false) =
            timeout(PROBE_INTERVAL, receive_until(&mut notifications, "", cache)).await
        {
            return true;
        }
    }
    true
}

/// Receives notifications until one of this channel. False if the connection ended before.
async fn receive_until(
    notifications: &mut Notifications,
    channel: &str,
    cache: &Weak<Cache>,
) -> bool {
    while let Some(notification) = notifications.next().await {
        if notification.channel() == channel {
            return true;
        }
        if let Some(cache) = cache.upgrade()
            && notification.channel() == CHANNEL
        {
            cache.invalidate(notification.payload());
        }
    }
    false
}
