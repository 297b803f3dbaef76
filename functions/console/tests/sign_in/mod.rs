//! Signing in and out, with an issuer on loopback.

mod browser;
mod credential;
mod issuer;
mod log;
mod me;
mod people;
mod refused;
mod session;

use kit::TestApp;
use kit::clock::WallClock;
use kit::oidc::{CLIENT_ID, Issuer};
use kit::postgres::{Database, database};
use serde_json::{Value, json};

use crate::common::tokens;
use browser::Browser;

const ORIGIN: &str = "https://metasync.example";

/// The console with sign-in, and its issuer.
struct SignIn {
    app: TestApp,
    issuer: Issuer,
    database: Database,
    clock: WallClock,
}

/// Sign-in of `lee` for the domain `example.com`, with the first admin `kim@example.com`.
async fn start() -> SignIn {
    start_with(&[]).await
}

async fn start_with(settings: &[(&str, &str)]) -> SignIn {
    let (issuer, database) = (Issuer::start().await, database().await);
    issuer.set_person(person("lee"));
    let clock = WallClock::default();
    let app = app(&issuer, &database, &clock, settings).await;
    SignIn {
        app,
        issuer,
        database,
        clock,
    }
}

/// A process of the console on this database.
async fn app(
    issuer: &Issuer,
    database: &Database,
    clock: &WallClock,
    settings: &[(&str, &str)],
) -> TestApp {
    let mut builder = TestApp::with_env(database.env())
        .named("console")
        .clock(clock.clock())
        .set("AUTH_TOKENS", tokens())
        .set("METASYNC_KEYS", "07".repeat(32))
        .set("PUBLIC_URL", ORIGIN)
        .set("SIGN_IN_ISSUER", issuer.url())
        .set("SIGN_IN_CLIENT_ID", CLIENT_ID)
        .set("SIGN_IN_DOMAINS", "example.com")
        .set("SIGN_IN_ADMIN", "kim@example.com");
    for (name, value) in settings {
        builder = builder.set(name, *value);
    }
    builder.start(console::app).await
}

/// The claims of a person with a verified address.
fn person(name: &str) -> Value {
    json!({"sub": name, "email": format!("{name}@example.com"), "email_verified": true, "name": name})
}

impl SignIn {
    fn browser(&self) -> Browser<'_> {
        Browser::of(&self.app)
    }

    /// A browser in which this person has signed in.
    async fn signed_in(&self, name: &str) -> Browser<'_> {
        self.issuer.set_person(person(name));
        let mut browser = self.browser();
        let reply = browser.sign_in().await;
        assert_eq!(reply.status, 303, "{reply:?}");
        browser
    }
}
