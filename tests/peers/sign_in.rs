//! Sign-in with the OpenID provider `oidc-provider`, through its login and consent pages, over HTTP and on Lambda.

use std::collections::BTreeMap;

use kit::postgres::database;
use kit::{Served, TestApp};
use platform::Env;
use reqwest::Client;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::server::{Server, folder, is_skipped};

const PEER: &str = "oidc-provider";
const ORIGIN: &str = "https://metasync.example";
const CLIENT_ID: &str = "console";
const CLIENT_SECRET: &str = "a secret of 32 characters or more";
const TOKEN: &str = "the-token-of-an-admin";

fn provider() -> Server {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/oidc_provider.mjs");
    Server::start(PEER, "/usr/bin/env", |port| {
        let folder = folder(PEER).display().to_string();
        let callback = format!("{ORIGIN}/auth/callback");
        let port = port.to_string();
        [
            "node",
            script,
            &folder,
            &port,
            &callback,
            CLIENT_ID,
            CLIENT_SECRET,
        ]
        .map(str::to_owned)
        .into()
    })
}

/// The way to the console.
enum Door<'a> {
    Http(&'a Served),
    Lambda(&'a TestApp),
}

#[derive(Debug)]
struct Reply {
    status: u16,
    location: String,
    cookies: Vec<String>,
    body: String,
}

/// A browser, with the cookies of the console and those of the provider.
struct Browser<'a> {
    door: Door<'a>,
    http: Client,
    own: BTreeMap<String, String>,
    provider: BTreeMap<String, String>,
}

/// Keeps the cookies of a response. The pages of the provider tell their own apart by their path, which every step
/// has a new one of.
fn keep<'c>(jar: &mut BTreeMap<String, String>, cookies: impl Iterator<Item = &'c str>) {
    for cookie in cookies {
        let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
        let (name, value) = pair.split_once('=').expect("a cookie");
        let is_removed = value.is_empty() || attributes.contains("Max-Age=0");
        match is_removed {
            true => jar.remove(name),
            false => jar.insert(name.to_owned(), value.to_owned()),
        };
    }
}

fn header(jar: &BTreeMap<String, String>) -> String {
    let pairs: Vec<_> = jar
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("; ")
}

impl<'a> Browser<'a> {
    fn new(door: Door<'a>) -> Self {
        Self {
            door,
            http: platform::http_client::build(&Env::default()).expect("a client"),
            own: BTreeMap::new(),
            provider: BTreeMap::new(),
        }
    }

    async fn send(&mut self, method: &str, path: &str) -> Reply {
        let reply = match &self.door {
            Door::Http(served) => {
                let url = format!("{}{path}", served.url);
                let method = method.parse().expect("a method");
                let request = self.http.request(method, url);
                let request = request
                    .header("cookie", header(&self.own))
                    .header("accept", "text/html")
                    .header("sec-fetch-site", "same-origin");
                of_response(request.send().await.expect("a response")).await
            }
            Door::Lambda(app) => {
                let event = event(method, path, &self.own);
                let result = app.invoke(&event).await.expect("a result");
                of_result(&serde_json::from_str(result.get()).expect("JSON"))
            }
        };
        keep(&mut self.own, reply.cookies.iter().map(String::as_str));
        reply
    }

    async fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path).await
    }

    /// Follows the redirects of the provider and submits its forms, until it sends the browser back to the console.
    async fn at_provider(&mut self, start: &str, name: &str) -> String {
        let mut request = self.http.get(start);
        let mut url = Url::parse(start).expect("a URL");
        for _ in 0..20 {
            let sent = request.header("cookie", header(&self.provider)).send();
            let reply = of_response(sent.await.expect("a response")).await;
            keep(&mut self.provider, reply.cookies.iter().map(String::as_str));
            if let Some(path) = reply.location.strip_prefix(ORIGIN) {
                return path.to_owned();
            }
            if (300..400).contains(&reply.status) {
                url = url.join(&reply.location).expect("a URL");
                request = self.http.get(url.clone());
                continue;
            }
            assert_eq!(reply.status, 200, "{reply:?}");
            let prompt = match reply.body.contains("name=\"login\"") {
                true => "login",
                false => "consent",
            };
            let form = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs([("prompt", prompt), ("login", name), ("password", "any")])
                .finish();
            let kind = "application/x-www-form-urlencoded";
            request = self
                .http
                .post(url.clone())
                .header("content-type", kind)
                .body(form);
        }
        panic!("the provider does not send the browser back");
    }

    /// Opens a page, signs in, and returns the reply of the callback with its address.
    async fn sign_in(&mut self, name: &str) -> (Reply, String) {
        let page = self.get("/?tab=people").await;
        assert_eq!(
            (page.status, &page.location[..13]),
            (303, "/auth/sign-in"),
            "{page:?}"
        );
        let begun = self.get(&page.location).await;
        assert_eq!(begun.status, 303, "{begun:?}");
        let callback = self.at_provider(&begun.location, name).await;
        (self.get(&callback).await, callback)
    }

    async fn me(&mut self) -> Value {
        let reply = self.get("/api/me").await;
        match reply.status {
            200 => serde_json::from_str(&reply.body).expect("JSON"),
            _ => Value::Null,
        }
    }
}

async fn of_response(response: reqwest::Response) -> Reply {
    let all = |name: &str| -> Vec<String> {
        let values = response.headers().get_all(name).iter();
        values
            .map(|it| it.to_str().expect("ASCII").to_owned())
            .collect()
    };
    Reply {
        status: response.status().as_u16(),
        location: all("location").pop().unwrap_or_default(),
        cookies: all("set-cookie"),
        body: response.text().await.expect("a text"),
    }
}

/// A request of an HTTP API, payload 2.0.
fn event(method: &str, path: &str, cookies: &BTreeMap<String, String>) -> Value {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let cookies: Vec<_> = cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "cookies": cookies,
        "headers": {
            "host": "metasync.example",
            "accept": "text/html",
            "sec-fetch-site": "same-origin",
        },
        "requestContext": {
            "domainName": "metasync.example",
            "stage": "$default",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.7"},
        },
        "isBase64Encoded": false,
    })
}

fn of_result(result: &Value) -> Reply {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let cookies = result["cookies"].as_array().into_iter().flatten();
    Reply {
        status: u16::try_from(result["statusCode"].as_u64().expect("a status")).expect("a status"),
        location: text(&result["headers"]["location"]),
        cookies: cookies.map(text).collect(),
        body: text(&result["body"]),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_with_a_third_party_provider_over_http_and_on_lambda() {
    if is_skipped(PEER) {
        return;
    }
    let (provider, database) = (provider(), database().await);
    let digest: String = Sha256::digest(TOKEN)
        .iter()
        .map(|it| format!("{it:02x}"))
        .collect();
    let tokens =
        json!([{"name": "root", "role": "admin", "scope": {"*": ["*"]}, "sha256": digest}]);
    let app = TestApp::with_env(database.env())
        .named("console")
        .set("AUTH_TOKENS", tokens.to_string())
        .set("METASYNC_KEYS", "07".repeat(32))
        .set("PUBLIC_URL", ORIGIN)
        .set("SIGN_IN_ISSUER", provider.url())
        .set("SIGN_IN_CLIENT_ID", CLIENT_ID)
        .set("SIGN_IN_CLIENT_SECRET", CLIENT_SECRET)
        .set("SIGN_IN_DOMAINS", "example.com")
        .set("SIGN_IN_ADMIN", "kim@example.com")
        .start(console::app)
        .await;
    let server = app.serve().await;

    let mut people = BTreeMap::new();
    for (door, name) in [
        (Door::Http(&server), "kim"),
        (Door::Lambda(&app), "lee"),
        (Door::Lambda(&app), "kim"),
        (Door::Http(&server), "lee"),
    ] {
        let mut browser = Browser::new(door);
        let (reply, callback) = browser.sign_in(name).await;
        assert_eq!(
            (reply.status, &reply.location[..]),
            (303, "/?tab=people"),
            "{reply:?}"
        );
        let me = browser.me().await;
        assert_eq!(me["email"], format!("{name}@example.com"));
        assert_eq!(
            me["picture"],
            format!("https://pictures.example/{name}.png")
        );
        let role = if name == "kim" { "admin" } else { "reader" };
        assert_eq!(me["role"], role);
        let known = people.entry(name).or_insert_with(|| me["user_id"].clone());
        assert_eq!(*known, me["user_id"]);
        let page = browser.get("/").await;
        assert!(page.status == 200 && page.body.contains(name), "{page:?}");

        // The address of the callback is worth nothing a second time, and neither is the cookie after signing out.
        let signed_in = browser.own.clone();
        assert_eq!(browser.get(&callback).await.status, 400);
        let reply = browser.send("POST", "/auth/sign-out").await;
        assert_eq!(
            (reply.status, &reply.location[..]),
            (303, "/auth/signed-out"),
            "{reply:?}"
        );
        let page = browser.get(&reply.location).await;
        assert!(
            page.status == 200 && page.body.contains("/auth/sign-in?account=other"),
            "{page:?}"
        );
        assert!(browser.own.is_empty());
        browser.own = signed_in;
        assert_eq!(browser.me().await, Value::Null);
    }

    // The provider has not verified the address; and the callback of another browser is of no use.
    let mut browser = Browser::new(Door::Lambda(&app));
    let (reply, _) = browser.sign_in("new-person").await;
    assert_eq!(reply.status, 403, "{reply:?}");
    assert_eq!(browser.me().await, Value::Null);
    let mut attacker = Browser::new(Door::Http(&server));
    let begun = attacker.get("/auth/sign-in").await;
    let callback = attacker.at_provider(&begun.location, "mallory").await;
    let reply = Browser::new(Door::Http(&server)).get(&callback).await;
    assert_eq!(reply.status, 400, "{reply:?}");

    let entries = app
        .get("/v1/audit?action=person.sign_in")
        .bearer(TOKEN)
        .await;
    assert_eq!(
        entries.json()["items"].as_array().map(Vec::len),
        Some(4),
        "{entries:?}"
    );
    server.stop().await;
}
