//! A browser: it keeps cookies and follows redirects when it is told to.

use std::collections::BTreeMap;

use http::Method;
use kit::{Reply, TestApp, TestRequest};
use platform::Env;
use serde_json::{Value, json};
use url::Url;

/// The cookie of a sign-in.
pub const COOKIE: &str = "__Host-metasync";
/// What the names of the cookies of logins begin with that are in progress.
const LOGIN: &str = "__Host-metasync-sign-in-";

pub struct Browser<'a> {
    app: &'a TestApp,
    pub cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    pub fn of(app: &'a TestApp) -> Self {
        Self {
            app,
            cookies: BTreeMap::new(),
        }
    }

    pub fn request(&self, method: Method, path: &str) -> TestRequest {
        let request = self.app.request(method, path);
        match self.cookies.is_empty() {
            true => request,
            false => request.header("cookie", self.cookie_header()),
        }
    }

    pub fn cookie_header(&self) -> String {
        let pairs: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    /// The names of the cookies of logins that are in progress.
    pub fn logins(&self) -> Vec<String> {
        let names = self.cookies.keys().filter(|name| name.starts_with(LOGIN));
        names.cloned().collect()
    }

    /// Sends a request, and keeps the cookies of the reply.
    pub async fn send(&mut self, request: TestRequest) -> Reply {
        let reply = request.await;
        self.keep(&reply);
        reply
    }

    /// Keeps the cookies of a reply.
    pub fn keep(&mut self, reply: &Reply) {
        for cookie in reply.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().expect("ASCII");
            for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
                let mut attributes = cookie.split("; ").skip(1);
                assert!(attributes.any(|it| it == attribute), "{cookie}");
            }
            assert!(!cookie.contains("Domain") && cookie.len() < 4_096);
            let (pair, attributes) = cookie.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a value");
            match attributes.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
    }

    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    /// A form of a page of this service.
    pub async fn post(&mut self, path: &str) -> Reply {
        let request = self.request(Method::POST, path);
        let request = request.header("sec-fetch-site", "same-origin");
        self.send(request.header("content-type", "application/x-www-form-urlencoded"))
            .await
    }

    /// A script of a page of this service.
    pub async fn json(&mut self, method: Method, path: &str, body: Value) -> Reply {
        let request = self.request(method, path).json(&body);
        self.send(request.header("sec-fetch-site", "same-origin"))
            .await
    }

    /// Begins a login, and returns the address of the issuer.
    pub async fn begin(&mut self, return_to: &str) -> Url {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("return_to", return_to)
            .finish();
        let reply = self.get(&format!("/auth/sign-in?{query}")).await;
        assert_eq!(reply.status, 303, "{reply:?}");
        location(&reply).parse().expect("a URL")
    }

    /// Begins a login and goes to the issuer, and returns the path to which the issuer sends the browser back.
    pub async fn go_to_issuer(&mut self, return_to: &str) -> String {
        at_issuer(&self.begin(return_to).await).await
    }

    pub async fn sign_in(&mut self) -> Reply {
        let callback = self.go_to_issuer("/").await;
        self.get(&callback).await
    }

    /// The person who is signed in; null if nobody is.
    pub async fn me(&mut self) -> Value {
        let reply = self.get("/api/me").await;
        match reply.status.as_u16() {
            200 => reply.json(),
            401 => Value::Null,
            _ => json!(format!("{reply:?}")),
        }
    }
}

pub fn location(reply: &Reply) -> &str {
    reply.header("location").expect("a redirect")
}

/// The path of the service to which the issuer sends the browser back.
pub async fn at_issuer(url: &Url) -> String {
    let http = platform::http_client::build(&Env::default()).expect("a client");
    let response = http.get(url.clone()).send().await.expect("a response");
    assert_eq!(response.status(), 303, "{url}");
    let back = response.headers()["location"].to_str().expect("ASCII");
    let back = back.strip_prefix(super::ORIGIN);
    back.expect("the registered address").to_owned()
}

/// The address with another value of a parameter; without it, if there is none.
pub fn with(path: &str, name: &str, value: Option<&str>) -> String {
    let (path, query) = path.split_once('?').expect("a query");
    let mut changed = url::form_urlencoded::Serializer::new(String::new());
    for (its, old) in url::form_urlencoded::parse(query.as_bytes()) {
        if its != name {
            changed.append_pair(&its, &old);
        }
    }
    if let Some(value) = value {
        changed.append_pair(name, value);
    }
    format!("{path}?{}", changed.finish())
}
