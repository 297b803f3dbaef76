//! The platform as functions use it. The tests are one binary, because linking takes most of the time of a
//! test build.

mod auth;
mod http;
mod lambda;
mod llm;
mod postgres;
mod postgres_tls;
mod readiness;
mod secrets;
mod serve;
mod silence;
mod store;
mod store_deviations;
mod store_faults;
