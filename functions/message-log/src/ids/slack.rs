//! The keys of Slack messages.

use jiff::Timestamp;
use platform::{Error, Result};
use uuid::Uuid;

use super::{Key, RowIdentity, TimeWindow};

impl Key {
    /// The key of a Slack message, from its channel and `ts`. All events about the message share it.
    ///
    /// The key has no workspace. Workspaces that share a channel use the same channel id, and events of one
    /// message may name either workspace; an agent that logs its answer by `slack_ts` knows only the channel.
    /// Channel ids are random: two workspaces of one robeing would need the same id and two messages of the
    /// same microsecond.
    pub fn of_slack(channel: &str, ts: &str) -> Result<Key> {
        let time = slack_time(ts).ok_or_else(|| {
            Error::Invalid(
                "ts is not a Slack timestamp: send it as Slack does, with seconds that begin with 1 to 9 and \
                 six decimals, such as 1355517523.000005"
                    .to_owned(),
            )
        })?;
        Ok(Key {
            text: format!("{channel} {ts}"),
            time: Some(time),
            order: None,
        })
    }
}

impl RowIdentity {
    /// The id of the row of a Slack message; none if `ts` is not one of Slack's or too old for its id to follow from it.
    pub fn id_of_slack(
        robeing_id: &str,
        channel: &str,
        ts: &str,
        window: &TimeWindow,
    ) -> Option<Uuid> {
        let key = Key::of_slack(channel, ts).ok()?;
        let identity = Self::of(robeing_id, "slack", Some(&key), None, None, 0, window).ok()?;
        identity.ledger_key.is_none().then_some(identity.id)
    }
}

/// `1355517523.000005`: seconds, and microseconds. The same time in another form, such as with a zero in front, would be
/// another key.
pub fn slack_time(ts: &str) -> Option<Timestamp> {
    let (seconds, micros) = ts.split_once('.')?;
    let is_number = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
    if micros.len() != 6 || !is_number(micros) || !is_number(seconds) || seconds.starts_with('0') {
        return None;
    }
    let seconds: i64 = seconds.parse().ok()?;
    let micros: u32 = micros.parse().ok()?;
    let micros = seconds.checked_mul(1_000_000)?.checked_add(micros.into())?;
    Timestamp::from_microsecond(micros).ok()
}
