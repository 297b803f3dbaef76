//! `{{conversation}}`: what a model should read of a conversation, from message-log.

use message_log::context::{self, Wanted};
use platform::Error;
use serde::Deserialize;
use utoipa::ToSchema;

use super::template::Template;
use super::variable::Builtin;
use super::{Ask, LEAST_CONTEXT};
use crate::app::App;

/// A conversation gets one part in this many of the budget that the template and the question leave.
const PARTS: usize = 3;

/// A conversation of a robeing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Conversation {
    /// The robeing, which must be in the caller's scope.
    robeing_id: String,
    /// The thread to continue; default: the channel, or else all messages of the robeing.
    thread_ts: Option<String>,
    channel_id: Option<String>,
}

/// The text of the conversation that the request names, within its part of `free` tokens; none if there is no
/// conversation or if it has no message.
pub async fn read(
    app: &App,
    template: &Template,
    ask: &Ask<'_>,
    free: usize,
) -> platform::Result<Option<String>> {
    let Some(wanted) = ask.conversation else {
        return Ok(None);
    };
    let times = template.uses(Builtin::Conversation);
    if times == 0 {
        return Err(Error::Unprocessable(
            "conversation has no place in the template: use a template with {{conversation}}, or omit it"
                .to_owned(),
        ));
    }
    robeing::may_see(ask.caller, &wanted.robeing_id)?;
    let Some(log) = &app.sql.conversations else {
        return Err(Error::Unprocessable(
            "conversation needs the database of message-log, which this process does not have: set \
             DATABASE_URL and MASKING_KEY as for message-log"
                .to_owned(),
        ));
    };
    let room = free / PARTS / times;
    if room < LEAST_CONTEXT {
        let missing = (LEAST_CONTEXT - room) * PARTS * times;
        return Err(Error::Invalid(format!(
            "token_budget is {}: the template and the question leave too little for the conversation, \
             set it to {} or more",
            ask.token_budget,
            ask.token_budget + missing
        )));
    }
    let context = context::of(
        log,
        ask.caller,
        &Wanted {
            robeing_id: &wanted.robeing_id,
            thread_ts: wanted.thread_ts.as_deref(),
            channel_id: wanted.channel_id.as_deref(),
            topic: Some(ask.question),
            token_budget: i32::try_from(room).ok(),
        },
    )
    .await?;
    let text = context.text().trim_end();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}
