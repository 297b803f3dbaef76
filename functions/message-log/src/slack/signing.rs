//! Verifies the signature of a request, and finds the robeing of the app that signed it.
//!
//! Slack gives each app its own secret, and the owner of an app can sign any body. So a secret is valid for its own
//! app only, whatever `api_app_id` a body contains.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use aws_lc_rs::hmac;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use platform::auth::{Names, Scope, is_name};
use platform::{Caller, Env, Error, Result, Role, Secret};
use robeing::ROBEINGS;
use serde::Deserialize;
use serde_json::value::RawValue;

/// An older signature may be replayed.
const MAX_AGE: SignedDuration = SignedDuration::from_mins(5);
/// In bytes.
const SIGNATURE_LENGTH: usize = 32;
const MAP: &str =
    r#"{"<app id>": "<secret>"}, or {"<app id>": ["<new>", "<old>"]} during a rotation"#;

/// The configuration in `SLACK_SIGNING_SECRET`, `SLACK_ROBEINGS` and `SLACK_DEFAULT_ROBEING`.
///
/// The secrets are a map from the id of each app to its secret or secrets, or the secrets of one app, separated by
/// commas. `SLACK_ROBEINGS` maps the id of an app to a robeing. `SLACK_DEFAULT_ROBEING` is the robeing of all other
/// apps; without it, they have none.
#[derive(Clone)]
pub struct Slack {
    signers: Arc<[Signer]>,
    robeings: Arc<Robeings>,
}

/// The robeings of apps.
struct Robeings {
    by_app: BTreeMap<String, String>,
    default: Option<String>,
}

struct Signer {
    key: hmac::Key,
    /// None for secrets of a deployment that names no app. The app is then the one in the body, and the messages of any
    /// app belong to the default robeing.
    app: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Secrets {
    One(String),
    Several(Vec<String>),
}

impl Slack {
    /// Without a secret, every request is rejected.
    pub fn open(env: &Env) -> anyhow::Result<Self> {
        let robeings = Robeings::open(env)?;
        let secrets = env.secret("SLACK_SIGNING_SECRET");
        let secrets = secrets.as_ref().map(Secret::expose).unwrap_or_default();
        let secrets = secrets.trim();
        let secrets = if secrets.starts_with('{') {
            of_apps(secrets, &robeings)?
        } else {
            of_one_app(secrets, &robeings)?
        };
        let signers = secrets.into_iter().map(|(app, secret)| Signer {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
            app,
        });
        let signers: Arc<[Signer]> = signers.collect();
        robeings.warn_about_missing(&signers);
        Ok(Self {
            signers,
            robeings: Arc::new(robeings),
        })
    }

    /// Returns Slack as a caller, if it signed this body within the last five minutes. The scope is the robeing of the
    /// app that signed. It is empty if that app has none.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<Caller> {
        self.verify_at(headers, body, Timestamp::now())
    }

    /// Checks the headers before the body is read: whether they have a signature from the last five minutes.
    pub fn may_be_signed(&self, headers: &HeaderMap) -> Result<()> {
        self.signature(headers, Timestamp::now()).map(drop)
    }

    /// The time of a signature as Slack writes it, and the signature.
    fn signature<'a>(&self, headers: &'a HeaderMap, now: Timestamp) -> Result<(&'a str, Vec<u8>)> {
        let rejected = |reason: &str| Error::Unauthenticated(reason.to_owned());
        if self.signers.is_empty() {
            return Err(rejected(
                "SLACK_SIGNING_SECRET is not set, so no request can be verified",
            ));
        }
        let header = |name| -> Option<&'a str> {
            let mut values = headers.get_all(name).iter();
            let (value, None) = (values.next()?, values.next()) else {
                return None;
            };
            value.to_str().ok()
        };
        let timestamp = header("x-slack-request-timestamp")
            .filter(|it| it.bytes().all(|it| it.is_ascii_digit()));
        let signature = header("x-slack-signature").and_then(|it| it.strip_prefix("v0="));
        let signature = signature
            .and_then(|it| hex::decode(it).ok())
            .filter(|it| it.len() == SIGNATURE_LENGTH);
        let (Some(timestamp), Some(signature)) = (timestamp, signature) else {
            return Err(rejected(
                "send `x-slack-request-timestamp` and `x-slack-signature: v0=<hex>`",
            ));
        };
        let at = timestamp
            .parse()
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok());
        if at.is_none_or(|at| now.duration_since(at).abs() > MAX_AGE) {
            return Err(rejected("the signature is older than five minutes"));
        }
        Ok((timestamp, signature))
    }

    fn verify_at(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Caller> {
        let rejected = |reason: &str| Error::Unauthenticated(reason.to_owned());
        let (timestamp, signature) = self.signature(headers, now)?;
        let signed = [b"v0:", timestamp.as_bytes(), b":", body].concat();
        let mut signer = None;
        for candidate in &*self.signers {
            // In constant time, for all secrets.
            if hmac::verify(&candidate.key, &signed, &signature).is_ok() {
                signer = Some(candidate);
            }
        }
        let Some(signer) = signer else {
            return Err(rejected("the signature does not match the body"));
        };
        let app = match (&signer.app, named_app(body)) {
            (Some(app), Some(named)) if *app != named => {
                return Err(rejected(
                    "the body was signed with the secret of another app than its `api_app_id`",
                ));
            }
            (Some(app), _) => Some(app.clone()),
            (None, named) => named.filter(|named| is_name(named)),
        };
        let robeing = self.robeings.of(app.as_deref()).cloned();
        let scope = Scope::default().with(ROBEINGS, Names::only(robeing));
        Ok(Caller::service(
            "slack".into(),
            Role::Writer,
            Arc::new(scope),
        ))
    }
}

impl Robeings {
    fn open(env: &Env) -> anyhow::Result<Self> {
        let by_app: BTreeMap<String, String> = match env.get("SLACK_ROBEINGS") {
            None => BTreeMap::new(),
            Some(json) => serde_json::from_str(json)
                .context("SLACK_ROBEINGS is not a map: write {\"<app id>\": \"<robeing id>\"}")?,
        };
        for (app, robeing) in &by_app {
            ensure!(
                is_name(robeing),
                "SLACK_ROBEINGS: the robeing of {app:?} must have 1 to 100 characters, no control \
                 character, and must not be \"*\""
            );
        }
        let default = env.get("SLACK_DEFAULT_ROBEING").map(str::to_owned);
        ensure!(
            default.as_deref().is_none_or(is_name),
            "SLACK_DEFAULT_ROBEING must have 1 to 100 characters, no control character, and must not be \"*\""
        );
        Ok(Self { by_app, default })
    }

    fn of(&self, app: Option<&str>) -> Option<&String> {
        let own = app.and_then(|app| self.by_app.get(app));
        own.or(self.default.as_ref())
    }

    /// The events of such an app become dead letters, so the operator should know before they arrive.
    fn warn_about_missing(&self, signers: &[Signer]) {
        let apps: BTreeSet<Option<&str>> = signers.iter().map(|it| it.app.as_deref()).collect();
        for app in apps {
            if self.of(app).is_none() {
                tracing::warn!(
                    app = app.unwrap_or("any"),
                    "a Slack app has no robeing, so its messages become dead letters: name the app in \
                     SLACK_ROBEINGS, or set SLACK_DEFAULT_ROBEING"
                );
            }
        }
    }
}

/// The secrets of a map, each with its app. An error repeats no value, since it may be a secret.
fn of_apps(json: &str, robeings: &Robeings) -> anyhow::Result<Vec<(Option<String>, String)>> {
    let Ok(apps) = serde_json::from_str::<BTreeMap<String, Secrets>>(json) else {
        bail!("SLACK_SIGNING_SECRET is not a map: write {MAP}");
    };
    ensure!(
        !apps.is_empty(),
        "SLACK_SIGNING_SECRET is an empty map: write {MAP}"
    );
    for app in robeings.by_app.keys() {
        ensure!(
            apps.contains_key(app),
            "SLACK_ROBEINGS names the app {app:?}, but SLACK_SIGNING_SECRET has no secret for it"
        );
    }
    let mut signers = Vec::new();
    let mut known = BTreeSet::new();
    for (app, secrets) in apps {
        ensure!(
            is_name(&app),
            "SLACK_SIGNING_SECRET: {app:?} is not an app id"
        );
        let secrets = match secrets {
            Secrets::One(secret) => vec![secret],
            Secrets::Several(secrets) => secrets,
        };
        ensure!(
            !secrets.is_empty() && secrets.iter().all(|secret| !secret.trim().is_empty()),
            "SLACK_SIGNING_SECRET: the secret of {app:?} is empty"
        );
        let secrets: BTreeSet<String> = secrets.iter().map(|it| it.trim().to_owned()).collect();
        for secret in secrets {
            ensure!(
                known.insert(secret.clone()),
                "SLACK_SIGNING_SECRET: {app:?} has the secret of another app"
            );
            signers.push((Some(app.clone()), secret));
        }
    }
    Ok(signers)
}

/// Secrets without an app. There must be only one app that they can belong to.
fn of_one_app(secrets: &str, robeings: &Robeings) -> anyhow::Result<Vec<(Option<String>, String)>> {
    let secrets = secrets.split(',').map(str::trim);
    let secrets: Vec<&str> = secrets.filter(|secret| !secret.is_empty()).collect();
    let mut apps = robeings.by_app.keys();
    let app = match (apps.next(), apps.next()) {
        (Some(app), None) => Some(app.clone()),
        (Some(_), Some(_)) => {
            ensure!(
                secrets.is_empty(),
                "SLACK_ROBEINGS names several apps, but SLACK_SIGNING_SECRET does not say which app its \
                 secrets belong to: write {MAP}"
            );
            None
        }
        (None, _) => {
            // Whichever app signs, its messages belong to the default robeing.
            ensure!(
                secrets.len() <= 1 || robeings.default.is_some(),
                "SLACK_SIGNING_SECRET has several secrets and does not say which app they belong to: \
                 write {MAP}, name their one app in SLACK_ROBEINGS, or set SLACK_DEFAULT_ROBEING"
            );
            None
        }
    };
    let secrets = secrets.into_iter();
    Ok(secrets
        .map(|secret| (app.clone(), secret.to_owned()))
        .collect())
}

/// The `api_app_id` of the body. Of two fields with the same name the last one counts, as when the event is read.
fn named_app(body: &[u8]) -> Option<String> {
    let body: HashMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
    serde_json::from_str(body.get("api_app_id")?.get()).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";

    /// The example of Slack's documentation on verifying requests.
    #[test]
    fn the_example_of_slacks_documentation_is_valid_for_five_minutes() {
        const SIGNED_AT: i64 = 1_531_420_618;
        let env = Env::default().with("SLACK_SIGNING_SECRET", SECRET);
        let slack = Slack::open(&env).unwrap();
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let mut headers = HeaderMap::new();
        let mut set = |name: &'static str, value: &'static str| {
            headers.insert(name, HeaderValue::from_static(value));
        };
        set("x-slack-request-timestamp", "1531420618");
        set(
            "x-slack-signature",
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        );
        let verify = |seconds: i64, body: &str| {
            let now = Timestamp::from_second(SIGNED_AT + seconds).unwrap();
            slack.verify_at(&headers, body.as_bytes(), now)
        };
        for seconds in [-300, 0, 300] {
            assert!(verify(seconds, body).is_ok(), "{seconds}");
        }
        for seconds in [-301, 301] {
            let rejected = verify(seconds, body).unwrap_err().to_string();
            assert!(rejected.contains("five minutes"), "{rejected}");
        }
        let rejected = verify(0, &format!("{body}&")).unwrap_err().to_string();
        assert!(rejected.contains("does not match"), "{rejected}");
    }

    /// The robeings that a body may be written to, signed now with a secret.
    fn scope(slack: &Slack, secret: &str, body: &str) -> Result<Vec<String>> {
        let now = Timestamp::now();
        let at = now.as_second().to_string();
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, format!("v0:{at}:{body}").as_bytes());
        let signature = format!("v0={}", hex::encode(tag.as_ref()));
        let mut headers = HeaderMap::new();
        headers.insert("x-slack-request-timestamp", at.parse().unwrap());
        headers.insert("x-slack-signature", signature.parse().unwrap());
        let caller = slack.verify_at(&headers, body.as_bytes(), now)?;
        match caller.scope.of(ROBEINGS) {
            Names::Only(names) => Ok(names.to_vec()),
            Names::All => panic!("Slack never has access to all robeings"),
        }
    }

    fn open(secrets: &str, robeings: &str) -> anyhow::Result<Slack> {
        open_with(secrets, robeings, "")
    }

    fn open_with(secrets: &str, robeings: &str, default: &str) -> anyhow::Result<Slack> {
        let mut env = Env::default().with("SLACK_SIGNING_SECRET", secrets);
        for (name, value) in [
            ("SLACK_ROBEINGS", robeings),
            ("SLACK_DEFAULT_ROBEING", default),
        ] {
            if !value.is_empty() {
                env = env.with(name, value);
            }
        }
        Slack::open(&env)
    }

    const A: &str = r#"{"api_app_id": "A1", "type": "event_callback"}"#;
    const B: &str = r#"{"api_app_id": "A2", "type": "event_callback"}"#;
    const NONE: &str = r#"{"type": "url_verification"}"#;

    #[test]
    fn a_secret_is_valid_for_its_own_app_only() {
        let secrets = r#"{"A1": "first", "A2": ["new", "old"]}"#;
        let slack = open(secrets, r#"{"A1": "sales", "A2": "theirs"}"#).unwrap();
        for (secret, body, robeing) in [
            ("first", A, Some("sales")),
            ("first", B, None),
            ("new", B, Some("theirs")),
            ("old", B, Some("theirs")),
            ("old", A, None),
            ("other", A, None),
            // A body without an app belongs to the app that signed it.
            ("first", NONE, Some("sales")),
            ("old", NONE, Some("theirs")),
            // Of duplicate fields the last one counts.
            ("first", r#"{"api_app_id": "A1", "api_app_id": "A2"}"#, None),
            ("first", r#"{"api_app_id": 5}"#, Some("sales")),
        ] {
            let found = scope(&slack, secret, body).ok();
            let expected = robeing.map(|robeing| vec![robeing.to_owned()]);
            assert_eq!(found, expected, "{secret} {body}");
        }
    }

    #[test]
    fn secrets_without_an_app_belong_to_the_only_app_in_the_map_of_robeings() {
        let slack = open("new, old,", r#"{"A1": "sales"}"#).unwrap();
        for secret in ["new", "old"] {
            assert_eq!(scope(&slack, secret, A).unwrap(), ["sales"]);
            assert_eq!(scope(&slack, secret, NONE).unwrap(), ["sales"]);
            let rejected = scope(&slack, secret, B).unwrap_err().to_string();
            assert!(rejected.contains("api_app_id"), "{rejected}");
        }
    }

    const APPS: [&str; 7] = ["A1", "A2", "sales", "*", "", "A1\\n", "A1\\nA2"];

    #[test]
    fn an_app_that_is_not_mapped_has_no_robeing_whatever_its_id() {
        for (secrets, robeings) in [
            ("only", ""),
            (r#"{"A1": "only"}"#, ""),
            (r#"{"A0": "other", "A1": "only"}"#, r#"{"A0": "sales"}"#),
        ] {
            let slack = open(secrets, robeings).unwrap();
            assert!(scope(&slack, "only", A).unwrap().is_empty(), "{secrets}");
            assert!(scope(&slack, "only", NONE).unwrap().is_empty(), "{secrets}");
        }
        let slack = open("only", "").unwrap();
        for claimed in APPS {
            let body = format!(r#"{{"api_app_id": "{claimed}"}}"#);
            let robeings = scope(&slack, "only", &body).unwrap();
            assert!(robeings.is_empty(), "{claimed}");
        }
    }

    #[test]
    fn an_app_that_is_not_mapped_belongs_to_the_default_robeing() {
        for secrets in ["only", "only, old"] {
            let slack = open_with(secrets, "", "inbox").unwrap();
            for claimed in APPS {
                let body = format!(r#"{{"api_app_id": "{claimed}"}}"#);
                assert_eq!(
                    scope(&slack, "only", &body).unwrap(),
                    ["inbox"],
                    "{claimed}"
                );
            }
        }
        let secrets = r#"{"A1": "first", "A2": "second"}"#;
        let slack = open_with(secrets, r#"{"A1": "sales"}"#, "inbox").unwrap();
        assert_eq!(scope(&slack, "first", A).unwrap(), ["sales"]);
        assert_eq!(scope(&slack, "second", B).unwrap(), ["inbox"]);
        assert!(scope(&slack, "first", B).is_err());
        for invalid in ["*", "a\nb", &"x".repeat(101)] {
            let error = open_with("only", "", invalid).err().unwrap().to_string();
            assert!(error.starts_with("SLACK_DEFAULT_ROBEING must"), "{error}");
        }
    }

    #[test]
    fn secrets_that_may_belong_to_several_apps_fail_the_start_and_are_not_repeated() {
        for (secrets, robeings, reason) in [
            (
                "hush",
                r#"{"A1": "a", "A2": "b"}"#,
                "does not say which app",
            ),
            (
                "hush, hush2",
                r#"{"A1": "a", "A2": "b"}"#,
                "does not say which app",
            ),
            ("hush, hush2", "", "does not say which app"),
            (
                r#"{"A1": "hush"}"#,
                r#"{"A2": "b"}"#,
                "names the app \"A2\"",
            ),
            (
                r#"{"A1": "hush", "A2": "hush"}"#,
                "",
                "the secret of another app",
            ),
            (r#"{"A1": ["hush", " "]}"#, "", "is empty"),
            (r#"{"A1": []}"#, "", "is empty"),
            (r#"{"A1": {"hush": 1}}"#, "", "is not a map"),
            (r#"{"A1": "hush""#, "", "is not a map"),
            ("{}", "", "is an empty map"),
            (r#"{"*": "hush"}"#, "", "is not an app id"),
            ("hush", r#"{"A1": "*"}"#, "must not be \"*\""),
            ("hush", r#"{"A1": "a\nb"}"#, "control character"),
        ] {
            let error = match open(secrets, robeings) {
                Ok(_) => panic!("{secrets} {robeings} was accepted"),
                Err(error) => format!("{error:#}"),
            };
            assert!(error.contains(reason) && !error.contains("hush"), "{error}");
        }
        assert!(open("", r#"{"A1": "a", "A2": "b"}"#).is_ok());
    }
}
