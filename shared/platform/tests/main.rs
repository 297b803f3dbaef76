//! The platform as functions use it. The tests are one binary, because linking takes most of the time of a
//! test build.

mod address;
mod auth;
mod cors;
mod document;
mod http;
mod lambda;
mod llm;
mod postgres;
mod postgres_tls;
mod rates;
mod readiness;
mod secrets;
mod serve;
mod silence;
mod store;
mod store_deviations;
mod store_faults;
