//! What every function stands on, as a function sees it. One binary for all of them: linking is most
//! of what a test build takes.

mod auth;
mod http;
mod lambda;
mod llm;
mod postgres;
mod postgres_tls;
mod secrets;
mod serve;
mod silence;
mod store;
mod store_deviations;
mod store_faults;
