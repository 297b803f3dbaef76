//! An OIDC issuer on loopback: discovery, keys that can be rotated, JWTs signed with them, and sign-in.

mod sign_in;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, get_current_timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use sign_in::Authorizations;

pub use sign_in::{CLIENT_ID, CLIENT_SECRET, Fault};

pub struct Issuer {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    url: String,
    /// The last key signs.
    keys: Mutex<Vec<Key>>,
    down: AtomicBool,
    fetches: AtomicUsize,
    sign_in: Mutex<Authorizations>,
}

#[derive(Clone)]
struct Key {
    id: String,
    algorithm: Algorithm,
    private: EncodingKey,
    public: Value,
}

/// The audience of the JWTs from [`Issuer::token`].
pub const AUDIENCE: &str = "metasync";

impl Issuer {
    /// Starts an issuer with one ES256 key.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket");
        let url = format!("http://{address}");
        let shared = Arc::new(Shared {
            url: url.clone(),
            keys: Mutex::new(vec![Key::generate(Algorithm::ES256, 0)]),
            down: AtomicBool::new(false),
            fetches: AtomicUsize::new(0),
            sign_in: Mutex::default(),
        });
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/authorize", get(sign_in::authorize))
            .route("/token", post(sign_in::token))
            .route("/user-info", get(sign_in::user_info))
            .with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, shared }
    }

    /// The `iss` of its JWTs.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn jwks_url(&self) -> String {
        format!("{}/keys", self.url)
    }

    /// Replaces all keys with a new one.
    pub fn rotate(&self, algorithm: Algorithm) {
        let mut keys = self.keys();
        let number = keys.last().map_or(0, |key| key.number() + 1);
        *keys = vec![Key::generate(algorithm, number)];
    }

    /// Publishes another key in addition to its own keys.
    pub fn publish(&self, jwk: Value) {
        let mut own = self.keys().last().expect("a key").clone();
        own.public = jwk;
        self.keys().insert(0, own);
    }

    /// Sets whether the issuer returns 503.
    pub fn set_down(&self, down: bool) {
        self.shared.down.store(down, Ordering::Relaxed);
    }

    /// The number of requests for its keys, including failed ones.
    pub fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::Relaxed)
    }

    /// The public part of the signing key.
    pub fn jwk(&self) -> Value {
        self.keys().last().expect("a key").public.clone()
    }

    /// A JWT for [`AUDIENCE`] that is valid for an hour. `claims` override the default claims; null removes
    /// one.
    pub fn token(&self, claims: Value) -> String {
        self.token_with(claims, |_| {})
    }

    /// Like [`Issuer::token`], with a changed header.
    pub fn token_with(&self, claims: Value, change: impl FnOnce(&mut Header)) -> String {
        self.shared.sign(AUDIENCE, claims, change)
    }

    fn keys(&self) -> MutexGuard<'_, Vec<Key>> {
        self.shared.keys()
    }
}

impl Key {
    fn generate(algorithm: Algorithm, number: usize) -> Self {
        let generated = "key generation succeeds";
        let private = match algorithm {
            Algorithm::ES256 => {
                let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let key = EcdsaKeyPair::generate_pkcs8(signing, &SystemRandom::new());
                EncodingKey::from_ec_der(key.expect(generated).as_ref())
            }
            Algorithm::EdDSA => {
                let key = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new());
                EncodingKey::from_ed_der(key.expect(generated).as_ref())
            }
            Algorithm::RS256 => {
                let key = KeyPair::generate(KeySize::Rsa2048).expect(generated);
                let der = STANDARD.encode(key.as_der().expect(generated).as_ref());
                let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----");
                EncodingKey::from_rsa_pem(pem.as_bytes()).expect(generated)
            }
            other => panic!("the issuer has no keys for {other:?}"),
        };
        let id = format!("key-{number}");
        let mut public = Jwk::from_encoding_key(&private, algorithm).expect(generated);
        public.common.key_id = Some(id.clone());
        Self {
            id,
            algorithm,
            private,
            public: serde_json::to_value(public).expect("a key is JSON"),
        }
    }

    fn number(&self) -> usize {
        let number = self
            .id
            .strip_prefix("key-")
            .and_then(|number| number.parse().ok());
        number.expect("an id from `generate`")
    }
}

type Response = Result<Json<Value>, StatusCode>;

async fn discovery(State(shared): State<Arc<Shared>>) -> axum::response::Response {
    match shared.fault().await {
        Some(fault) => fault,
        None => shared.respond(|| shared.document()).into_response(),
    }
}

async fn keys(State(shared): State<Arc<Shared>>) -> Response {
    shared.fetches.fetch_add(1, Ordering::Relaxed);
    shared.respond(|| {
        let keys: Vec<_> = shared.keys().iter().map(|key| key.public.clone()).collect();
        json!({ "keys": keys })
    })
}

impl Shared {
    fn keys(&self) -> MutexGuard<'_, Vec<Key>> {
        self.keys.lock().expect("no panic under the lock")
    }

    fn respond(&self, body: impl FnOnce() -> Value) -> Response {
        if self.down.load(Ordering::Relaxed) {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        Ok(Json(body()))
    }

    fn sign(&self, audience: &str, claims: Value, change: impl FnOnce(&mut Header)) -> String {
        let now = get_current_timestamp();
        let all = json!({
            "iss": self.url,
            "aud": audience,
            "sub": "somebody",
            "iat": now,
            "exp": now + 3_600,
        });
        let all = merged(all, claims);
        let key = self.keys().last().expect("a key").clone();
        let mut header = Header::new(key.algorithm);
        header.kid = Some(key.id);
        change(&mut header);
        jsonwebtoken::encode(&header, &all, &key.private).expect("the key signs")
    }
}

/// The object with the members of another one.
fn extended(mut object: Value, changes: Value) -> Value {
    let (Some(members), Value::Object(changes)) = (object.as_object_mut(), changes) else {
        panic!("claims are an object");
    };
    members.extend(changes);
    object
}

/// Like [`extended`]. A null removes a member.
fn merged(object: Value, changes: Value) -> Value {
    let mut object = extended(object, changes);
    if let Some(members) = object.as_object_mut() {
        members.retain(|_, member| !member.is_null());
    }
    object
}
