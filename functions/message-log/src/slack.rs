use jiff::Timestamp;
use shared::{Error, Result};

use crate::identity::Key;

/// The key of what Slack calls a message, `ts` in a channel: the same for each event about it.
pub fn key(channel: &str, ts: &str) -> Result<Key> {
    let time = time(ts).ok_or_else(|| {
        Error::Invalid("ts is no time of Slack, as in 1355517523.000005".to_owned())
    })?;
    Ok(Key {
        text: format!("{channel} {ts}"),
        time: Some(time),
    })
}

/// `1355517523.000005`: seconds, and microseconds.
pub fn time(ts: &str) -> Option<Timestamp> {
    let (seconds, micros) = ts.split_once('.')?;
    if micros.len() != 6 {
        return None;
    }
    let micros: i64 = seconds
        .parse::<i64>()
        .ok()?
        .checked_mul(1_000_000)?
        .checked_add(micros.parse::<u32>().ok()?.into())?;
    Timestamp::from_microsecond(micros).ok()
}
