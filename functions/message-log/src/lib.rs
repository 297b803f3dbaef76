//! Message log: every conversation of a robeing, once, masked, and at hand again.
//!
//! In: `POST /v1/messages` and `/v1/messages/batch`, `POST /v1/slack/events`, and what queues and
//! buses deliver to `POST /events/message-log`. All go one way (see [`log`]): check, mask, insert,
//! commit, and only then answer. What can't be stored is a dead letter.
//!
//! Out: `GET /v1/robeings/{id}/messages` and `GET /v1/users/{id}/messages` list what was said,
//! `context` and `search` find what matters now, and `patterns` tells how a robeing is used. Those
//! three read what a [`roll_up`] made of the log, and search what came since as well.

pub mod context;
pub mod dead_letters;
mod derived;
pub mod events;
pub mod history;
pub mod identity;
pub mod log;
pub mod message;
pub mod months;
pub mod page;
pub mod patterns;
pub mod personal;
mod pieces;
pub mod post;
pub mod roll_up;
pub mod search;
pub mod slack;

use axum::extract::DefaultBodyLimit;
use platform::serve::{at_once, may_take};
use platform::{Resources, Router, routes};

pub use log::Log;
use slack::Slack;

/// Requests with batches that are worked on at once.
const LARGE_AT_ONCE: usize = 4;

pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    let log = Log::open(resources)?;
    let slack = Slack::open(resources.env())?;
    let front = resources.front();
    front.take_whole_batches();
    let signed = slack.clone();
    front.take_signed(
        slack::ROUTE,
        move |headers| signed.may_be_signed(headers),
        move |headers, body| slack.prove(headers, body),
    )?;
    let large = Router::new()
        .routes(routes!(post::batch))
        .routes(routes!(events::deliver))
        // What waits for a database that is slow or gone must fit into memory.
        .layer(at_once(LARGE_AT_ONCE))
        .layer(DefaultBodyLimit::max(events::LARGEST_EVENT));
    let quick = Router::new()
        .routes(routes!(slack::receive))
        .layer(may_take(slack::ANSWER_WITHIN));
    Ok(Router::new()
        .routes(routes!(post::one))
        .routes(routes!(history::of_robeing))
        .routes(routes!(history::of_user))
        .routes(routes!(context::context))
        .routes(routes!(search::search))
        .routes(routes!(patterns::patterns))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::replay))
        .merge(large)
        .merge(quick)
        .with_state(log))
}
