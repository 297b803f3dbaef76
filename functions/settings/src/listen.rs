//! Hears of every change, in a process that stays.
//!
//! A connection may be dead without anybody telling, and a pooler may swallow what is notified. So
//! memory is trusted only while a notification of our own comes back, again and again.

use std::sync::Weak;
use std::time::Duration;

use platform::Env;
use platform::postgres::Notifications;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::cache::Cache;

const CHANNEL: &str = "robeing_settings";
const PROVE_EVERY: Duration = Duration::from_secs(5);
const PROVE_WITHIN: Duration = Duration::from_secs(2);
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// Until nobody reads any more.
pub async fn run(env: Env, cache: Weak<Cache>) {
    let mut pause = PAUSES[0];
    loop {
        let own = format!("{CHANNEL}_{}", Uuid::new_v4().simple());
        match Notifications::open(&env, &[CHANNEL, &own]).await {
            Ok(notifications) => {
                if hear(notifications, &own, &cache).await {
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
        tracing::warn!("changes of settings are not heard of: each read asks the database");
        sleep(pause).await;
        pause = (pause * 2).min(PAUSES[1]);
    }
}

/// Until the connection does not prove itself any more; whether it ever did.
async fn hear(mut notifications: Notifications, own: &str, cache: &Weak<Cache>) -> bool {
    for proved in 0.. {
        let sent = notifications.notify(own, "");
        if !matches!(timeout(PROVE_WITHIN, sent).await, Ok(Ok(()))) {
            return proved > 0;
        }
        let came_back = hear_until(&mut notifications, own, cache);
        if !matches!(timeout(PROVE_WITHIN, came_back).await, Ok(true)) {
            return proved > 0;
        }
        let Some(trusted) = cache.upgrade() else {
            return true;
        };
        trusted.trust();
        drop(trusted);
        // Ends early only where the connection does.
        if let Ok(false) = timeout(PROVE_EVERY, hear_until(&mut notifications, "", cache)).await {
            return true;
        }
    }
    true
}

/// False where the connection ended before anything came by this channel.
async fn hear_until(notifications: &mut Notifications, channel: &str, cache: &Weak<Cache>) -> bool {
    while let Some(heard) = notifications.next().await {
        if heard.channel() == channel {
            return true;
        }
        if let Some(cache) = cache.upgrade()
            && heard.channel() == CHANNEL
        {
            cache.forget(heard.payload());
        }
    }
    false
}
