//! Ours against servers of others, which `tests/peers/install` installs. One binary for all of
//! them: linking is most of what a test build takes.

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
mod sql;
mod sqs;
mod store;
mod terraform;
