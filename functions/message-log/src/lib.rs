//! Message log: stores every conversation of a robeing, once and masked, and finds its messages again.
//!
//! Messages arrive over HTTP, from Slack, and from queues and buses. All of them take one write path, [`log`]: check,
//! mask, insert, commit, and only then respond. An event that can't be stored becomes a dead letter. Clients list the
//! messages of a robeing or a person, search them, assemble the context for a model, and see how a robeing is used.
//! Search and patterns read what a [`roll_up`] derives from the log.
//!
//! Where to find what:
//!
//! | looking for | file |
//! | --- | --- |
//! | `POST /v1/messages`, `/v1/messages/batch` | `post.rs` |
//! | `POST /v1/slack/events` | `slack/mod.rs`; signatures: `slack/signing.rs` |
//! | what a Slack event does: new message, edit, deletion | `slack/message_event.rs` |
//! | a Slack message as text | `slack/content.rs`, `markup/mod.rs` |
//! | who wrote a Slack message | `slack/author.rs`; their `user_id`: `authors.rs`, `refused_joins.rs`; all ids of a person: `personal/people.rs` |
//! | `POST /events/message-log` | `events/mod.rs`; formats: `events/body.rs`, `events/records.rs`, `events/envelopes.rs` |
//! | the responses to lists of events | `events/batch.rs` |
//! | `GET /v1/robeings/{id}/messages`, `/v1/users/{id}/messages` | `history/` |
//! | `GET /v1/robeings/{id}/threads` | `threads.rs` |
//! | `GET /v1/robeings/{id}/context` | `context/` |
//! | `GET /v1/robeings/{id}/search` | `search/mod.rs` |
//! | which spellings search takes for the same word | `search/folding.rs` |
//! | which forms of an English word it finds | `search/english.rs` |
//! | the index: n-grams, posting lists, segments | `search/ngrams.rs`, `search/postings.rs`, `search/segments.rs` |
//! | how the index is written | `search/roll_up.rs`, `search/packing.rs` |
//! | `GET /v1/robeings/{id}/patterns` | `patterns/mod.rs`; counts: `patterns/activity.rs`, `patterns/counted.rs` |
//! | `GET /v1/dead-letters` | `dead_letters/mod.rs`; replay: `dead_letters/replay.rs`; dismissal: `dead_letters/dismiss.rs` |
//! | which fields a message has, and its limits | `message.rs` |
//! | content in parts, in the vocabularies of model providers | `content.rs` |
//! | how repeats are recognized, and how ids are made | `ids/` |
//! | feedback: `POST /v1/messages/{id}/feedback`, `GET /v1/robeings/{id}/feedback` | `feedback/`; Slack reactions: `feedback/reactions.rs`, `slack/reaction_event.rs` |
//! | masking, and a row before it is inserted | `log/draft.rs`; numbered placeholders: `log/placeholders.rs` |
//! | inserts, and single messages in one transaction | `log/insert.rs`, `log/batching.rs` |
//! | how a Slack edit or deletion is stored | `log/edit.rs`, `log/delete.rs` |
//! | how an agent's answer and Slack's event about it become one row | `log/merge.rs`, `markup/same_text.rs` |
//! | the message that a response answers | `log/reply_to.rs` |
//! | one roll-up: its transaction and its loop | `roll_up/mod.rs`; which rows it reads: `roll_up/reading.rs` |
//! | what must follow a message that changes | `derived.rs`; after an upgrade: `roll_up/outdated.rs` |
//! | erasure, export and expiry | `personal/` |
//! | months: partitions, archive | `log/partitions.rs`, `months/` |
//! | tables | `shared/migrations/*_message_log_*.sql` |

mod authors;
mod content;
pub mod context;
pub mod dead_letters;
mod derived;
pub mod events;
pub mod feedback;
pub mod history;
pub mod ids;
pub mod log;
mod markup;
pub mod message;
pub mod months;
pub mod page;
pub mod patterns;
pub mod personal;
pub mod post;
mod refused_joins;
pub mod roll_up;
mod rows;
pub mod search;
pub mod slack;
pub mod threads;

use axum::Extension;
use people::People;
use platform::serve::{Class, body_limit, concurrency_limit, rate_class, time_limit};
use platform::{All as _, Resources, Router, routes};

use feedback::Reactions;
pub use log::Log;
use slack::Slack;

/// The most requests with batches that are in progress at once.
const MAX_BATCHES: usize = 4;

pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    let (log, slack, reactions) = (
        Log::open(resources),
        resources.rotating(Slack::open),
        Reactions::open(resources.env()),
    )
        .all()?;
    People::open(resources)?;
    let ingress = resources.ingress();
    ingress.accept_whole_batches();
    let signed = slack.clone();
    ingress.accept_signed(
        slack::ROUTE,
        move |headers| signed.current().may_be_signed(headers),
        move |headers, body| slack.current().verify(headers, body),
    )?;
    let large = Router::new()
        .routes(routes!(post::batch))
        .routes(routes!(events::deliver))
        // Requests that wait for a slow or unavailable database must fit into memory.
        .layer(concurrency_limit(MAX_BATCHES))
        .layer(body_limit(events::LARGEST_EVENT));
    let quick = Router::new()
        .routes(routes!(slack::receive))
        .layer(Extension(reactions))
        .layer(time_limit(slack::TIMEOUT));
    let administration = Router::new()
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::replay::replay))
        .routes(routes!(dead_letters::dismiss::dismiss))
        .layer(rate_class(Class::Administration));
    Ok(Router::new()
        .routes(routes!(post::one))
        .routes(routes!(history::of_robeing))
        .routes(routes!(history::of_user))
        .routes(routes!(threads::list))
        .routes(routes!(context::context))
        .routes(routes!(search::search))
        .routes(routes!(patterns::patterns))
        .routes(routes!(feedback::give))
        .routes(routes!(feedback::remove))
        .routes(routes!(feedback::list::list))
        .merge(administration)
        .merge(large)
        .merge(quick)
        .with_state(log))
}
