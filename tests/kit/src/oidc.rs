//! An OIDC issuer on loopback: discovery, keys that can be rotated, and JWTs signed with them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, get_current_timestamp};
use serde_json::{Value, json};
use tokio::net::TcpListener;

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
        });
        let app = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
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
        let now = get_current_timestamp();
        let mut all = json!({
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "somebody",
            "iat": now,
            "exp": now + 3_600,
        });
        let (Some(merged), Value::Object(claims)) = (all.as_object_mut(), claims) else {
            panic!("claims are an object");
        };
        merged.extend(claims);
        merged.retain(|_, claim| !claim.is_null());

        let key = self.keys().last().expect("a key").clone();
        let mut header = Header::new(key.algorithm);
        header.kid = Some(key.id);
        change(&mut header);
        jsonwebtoken::encode(&header, &all, &key.private).expect("the key signs")
    }

    fn keys(&self) -> std::sync::MutexGuard<'_, Vec<Key>> {
        self.shared.keys.lock().expect("no panic under the lock")
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

async fn discovery(State(shared): State<Arc<Shared>>) -> Response {
    shared.respond(|| json!({"issuer": shared.url, "jwks_uri": format!("{}/keys", shared.url)}))
}

async fn keys(State(shared): State<Arc<Shared>>) -> Response {
    shared.fetches.fetch_add(1, Ordering::Relaxed);
    shared.respond(|| {
        let keys = shared.keys.lock().expect("no panic under the lock");
        let keys: Vec<_> = keys.iter().map(|key| &key.public).collect();
        json!({ "keys": keys })
    })
}

impl Shared {
    fn respond(&self, body: impl FnOnce() -> Value) -> Response {
        if self.down.load(Ordering::Relaxed) {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        Ok(Json(body()))
    }
}
