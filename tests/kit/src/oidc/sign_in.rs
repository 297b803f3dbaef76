//! Sign-in at the issuer: an authorization endpoint that knows the person at once, and a token endpoint with PKCE.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};
use uuid::Uuid;

use super::{Issuer, Shared, extended, merged};

/// The client that is registered at the issuer.
pub const CLIENT_ID: &str = "console-client";
/// Its secret, with characters that must be encoded in HTTP Basic.
pub const CLIENT_SECRET: &str = "a secret: +&%";

/// How the discovery and the token endpoint misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// They return 503.
    Down,
    /// They respond after this time.
    Slow(Duration),
    /// They respond with a page.
    Page,
    /// They respond with a megabyte.
    Large,
    /// They redirect to another address of theirs.
    Redirect,
    /// They respond with an error that has markup.
    Error,
}

#[derive(Default)]
pub(super) struct Authorizations {
    /// The claims of the person who is at the browser.
    person: Option<Value>,
    /// Changes of the ID token.
    id_token: Option<Value>,
    /// Changes of the discovery document.
    document: Option<Value>,
    discovery_fault: Option<Fault>,
    token_fault: Option<Fault>,
    /// Whether the issuer names itself when it sends people back.
    names_itself: bool,
    codes: HashMap<String, Code>,
    /// What the issuer says beside the ID token, which then has the subject alone.
    user_info: Option<Value>,
    access_tokens: HashSet<String>,
    /// The ID token that a code was redeemed for most recently.
    last_id_token: Option<String>,
    /// How the clients of the redeemed codes authenticated.
    methods: Vec<&'static str>,
}

#[derive(Clone)]
struct Code {
    person: Value,
    nonce: Option<String>,
    challenge: String,
    redirect_uri: String,
}

type Fields = HashMap<String, String>;

impl Issuer {
    /// Sets the claims of the person who signs in from now on.
    pub fn set_person(&self, claims: Value) {
        self.shared.sign_in().person = Some(claims);
    }

    /// Changes the claims of the next ID tokens. A null removes a claim.
    pub fn change_id_tokens(&self, claims: Value) {
        self.shared.sign_in().id_token = Some(claims);
    }

    /// Changes the discovery document.
    pub fn change_document(&self, members: Value) {
        self.shared.sign_in().document = Some(members);
    }

    /// Announces that the issuer names itself when it sends people back (RFC 9207), and does so.
    pub fn name_itself(&self) {
        self.shared.sign_in().names_itself = true;
    }

    /// From now on, ID tokens have the subject of the person alone, and the issuer says this at another endpoint.
    pub fn set_user_info(&self, claims: Value) {
        self.shared.sign_in().user_info = Some(claims);
    }

    pub fn set_discovery_fault(&self, fault: Option<Fault>) {
        self.shared.sign_in().discovery_fault = fault;
    }

    pub fn set_token_fault(&self, fault: Option<Fault>) {
        self.shared.sign_in().token_fault = fault;
    }

    /// The ID token that a code was redeemed for most recently.
    pub fn last_id_token(&self) -> String {
        let last = self.shared.sign_in().last_id_token.clone();
        last.expect("a redeemed code")
    }

    /// How clients authenticated at the token endpoint: `basic`, `post` or `none`.
    pub fn methods(&self) -> Vec<&'static str> {
        self.shared.sign_in().methods.clone()
    }

    /// An ID token for [`CLIENT_ID`], as a page gets it from a button.
    pub fn credential(&self, claims: Value) -> String {
        self.shared.sign(CLIENT_ID, claims, |_| {})
    }
}

impl Shared {
    fn sign_in(&self) -> MutexGuard<'_, Authorizations> {
        self.sign_in.lock().expect("no panic under the lock")
    }

    pub(super) fn document(&self) -> Value {
        let url = &self.url;
        let mut document = json!({
            "issuer": url,
            "jwks_uri": format!("{url}/keys"),
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/token"),
        });
        let state = self.sign_in();
        if state.names_itself {
            document["authorization_response_iss_parameter_supported"] = true.into();
        }
        if state.user_info.is_some() {
            document["userinfo_endpoint"] = format!("{url}/user-info").into();
        }
        match state.document.clone() {
            Some(changes) => merged(document, changes),
            None => document,
        }
    }

    pub(super) async fn fault(&self) -> Option<Response> {
        let fault = self.sign_in().discovery_fault;
        respond(fault, &self.url).await
    }
}

async fn respond(fault: Option<Fault>, url: &str) -> Option<Response> {
    Some(match fault? {
        Fault::Down => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Fault::Slow(time) => {
            tokio::time::sleep(time).await;
            StatusCode::OK.into_response()
        }
        Fault::Page => "<!doctype html><script>alert(1)</script>".into_response(),
        Fault::Large => " ".repeat(1024 * 1024).into_response(),
        Fault::Redirect => Redirect::temporary(&format!("{url}/keys")).into_response(),
        Fault::Error => failure("<script>alert(1)</script>"),
    })
}

fn failure(error: &str) -> Response {
    let body = json!({"error": error, "error_description": "<script>alert(2)</script>"});
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

fn fields(text: &[u8]) -> Fields {
    form_urlencoded::parse(text).into_owned().collect()
}

/// Sends the browser back with a code.
pub(super) async fn authorize(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = fields(query.unwrap_or_default().as_bytes());
    let is = |name: &str, value: &str| asked.get(name).is_some_and(|it| it == value);
    let has_scope = asked
        .get("scope")
        .is_some_and(|it| it.split(' ').any(|it| it == "openid"));
    let is_valid = is("response_type", "code")
        && is("client_id", CLIENT_ID)
        && is("code_challenge_method", "S256")
        && has_scope;
    let (true, Some(challenge), Some(state), Some(redirect_uri)) = (
        is_valid,
        asked.get("code_challenge"),
        asked.get("state"),
        asked.get("redirect_uri"),
    ) else {
        return failure("invalid_request");
    };
    let code = Uuid::new_v4().to_string();
    let mut back = Url::parse(redirect_uri).expect("a registered address");
    let mut known = shared.sign_in();
    {
        let mut query = back.query_pairs_mut();
        query.append_pair("state", state);
        query.append_pair("code", &code);
        if known.names_itself {
            query.append_pair("iss", &shared.url);
        }
    }
    let authorized = Code {
        person: known.person.clone().unwrap_or_else(|| json!({})),
        nonce: asked.get("nonce").cloned(),
        challenge: challenge.clone(),
        redirect_uri: redirect_uri.clone(),
    };
    known.codes.insert(code, authorized);
    Redirect::to(back.as_str()).into_response()
}

/// Redeems a code, once.
pub(super) async fn token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = shared.sign_in().token_fault;
    if let Some(fault) = respond(fault, &shared.url).await {
        return fault;
    }
    let sent = fields(&body);
    let sent = |name: &str| sent.get(name).map(String::as_str).unwrap_or_default();
    let Some(method) = method(&headers, &sent) else {
        return failure("invalid_client");
    };
    let mut known = shared.sign_in();
    let Some(code) = known.codes.remove(sent("code")) else {
        return failure("invalid_grant");
    };
    let challenge = digest(&SHA256, sent("code_verifier").as_bytes());
    let is_valid = sent("grant_type") == "authorization_code"
        && code.challenge == URL_SAFE_NO_PAD.encode(challenge)
        && code.redirect_uri == sent("redirect_uri");
    if !is_valid {
        return failure("invalid_grant");
    }
    known.methods.push(method);
    let person = match &known.user_info {
        Some(_) => json!({"sub": code.person["sub"]}),
        None => code.person,
    };
    let claims = merged(person, json!({ "nonce": code.nonce }));
    let access_token = Uuid::new_v4().to_string();
    known.access_tokens.insert(access_token.clone());
    let claims = match known.id_token.clone() {
        Some(changes) => extended(claims, changes),
        None => claims,
    };
    drop(known);
    let id_token = shared.sign(CLIENT_ID, claims, |_| {});
    shared.sign_in().last_id_token = Some(id_token.clone());
    Json(json!({
        "access_token": access_token, "token_type": "Bearer", "expires_in": 3_600, "id_token": id_token,
    }))
    .into_response()
}

/// What the issuer says about the person with an access token.
pub(super) async fn user_info(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let known = shared.sign_in();
    let token = headers.get(header::AUTHORIZATION);
    let token = token.and_then(|it| it.to_str().ok()?.strip_prefix("Bearer "));
    if !token.is_some_and(|token| known.access_tokens.contains(token)) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    Json(known.user_info.clone()).into_response()
}

/// How the client authenticated. None if it failed to.
fn method<'a>(headers: &HeaderMap, sent: &impl Fn(&str) -> &'a str) -> Option<&'static str> {
    if let Some(basic) = headers.get(header::AUTHORIZATION) {
        let encoded = basic.to_str().ok()?.strip_prefix("Basic ")?;
        let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (id, secret) = pair.split_once(':')?;
        let decoded = |text: &str| {
            let pair = format!("x={text}");
            let decoded = form_urlencoded::parse(pair.as_bytes()).next();
            decoded.map(|(_, value)| value.into_owned())
        };
        let is_valid = decoded(id)? == CLIENT_ID && decoded(secret)? == CLIENT_SECRET;
        return is_valid.then_some("basic");
    }
    if sent("client_id") != CLIENT_ID {
        return None;
    }
    match sent("client_secret") {
        "" => Some("none"),
        CLIENT_SECRET => Some("post"),
        _ => None,
    }
}
