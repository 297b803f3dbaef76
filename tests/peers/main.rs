//! Tests against third-party software (peers), which `tests/peers/install` installs. They are one binary because
//! linking takes most of the build time.

mod alarms;
mod archive;
mod aws;
mod bigquery;
mod calls;
mod cargo_lambda;
mod conversation;
mod moto;
mod openapi;
mod package;
mod packaged_postgres;
mod pgbouncer;
mod policies;
mod pubsub;
mod server;
mod sign_in;
mod slack_bot;
mod sql;
mod sqs;
mod store;
mod terraform;
