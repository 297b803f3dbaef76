//! Authentication: which callers are accepted, and with which role and scope.

mod extractors;
mod id_tokens;
mod jwt;
mod keys;
mod people;
mod service_tokens;
mod start;
mod triggers;

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header::AUTHORIZATION};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, get_current_timestamp};
use kit::oidc::{AUDIENCE, Issuer};
use platform::auth::{Auth, Kind, Names};
use platform::{Admin, Caller, Env, Error, Resources, Role, Writer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tower::ServiceExt as _;

const DATASETS: Kind = Kind::new("datasets");
const ROBEINGS: Kind = Kind::new("robeings");
const SESSIONS: Kind = Kind::new("sessions");

fn open(settings: &[(&str, &str)]) -> anyhow::Result<Auth> {
    let env = settings
        .iter()
        .fold(Env::default(), |env, (name, value)| env.with(name, *value));
    Resources::new(env).auth()
}

fn refusal(settings: &[(&str, &str)]) -> String {
    let Err(error) = open(settings) else {
        panic!("{settings:?} was taken");
    };
    format!("{error:#}")
}

fn sha256(token: &str) -> String {
    Sha256::digest(token)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn bearer(token: &str) -> HeaderMap {
    [(
        AUTHORIZATION,
        HeaderValue::from_str(&format!("Bearer {token}")).unwrap(),
    )]
    .into_iter()
    .collect()
}

async fn ask(auth: &Auth, token: &str) -> Result<Caller, Error> {
    ask_at(auth, "/v1/schema", token).await
}

async fn ask_at(auth: &Auth, path: &str, token: &str) -> Result<Caller, Error> {
    let caller = auth
        .authenticate(&bearer(token), &path.parse().unwrap())
        .await?;
    Ok(caller.expect("a token was sent"))
}

fn status(answer: &Result<Caller, Error>) -> u16 {
    answer
        .as_ref()
        .map_or_else(|error| error.status().as_u16(), |_| 200)
}
