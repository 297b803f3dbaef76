//! `POST /api/auth/google`: Google's own button.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use kit::{Reply, TestRequest};
use serde_json::{Value, json};

use super::browser::{Browser, COOKIE};
use super::{ORIGIN, SignIn, person, start};

const PATH: &str = "/api/auth/google";

impl SignIn {
    fn credential(&self, name: &str, changes: &Value) -> String {
        let mut claims = person(name);
        let all = claims.as_object_mut().unwrap();
        all.extend(changes.as_object().unwrap().clone());
        self.issuer.credential(claims)
    }
}

async fn post(browser: &mut Browser<'_>, credential: &str) -> Reply {
    browser
        .json(
            Method::POST,
            PATH,
            json!({"credential": credential, "select_by": "btn"}),
        )
        .await
}

/// The form of the button, with a cookie and a field of its token.
fn form(browser: &Browser<'_>, credential: &str, cookie: &str, field: Option<&str>) -> TestRequest {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("credential", credential);
    form.append_pair("select_by", "btn");
    if let Some(field) = field {
        form.append_pair("g_csrf_token", field);
    }
    browser
        .request(Method::POST, PATH)
        .header("cookie", cookie)
        .header(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )
        .body(form.finish())
}

#[tokio::test]
async fn an_id_token_of_the_button_signs_in_like_the_redirect_does() {
    let console = start().await;
    let mut browser = console.browser();
    let claims = json!({"picture": "https://pictures.example/lee.png"});
    let reply = post(&mut browser, &console.credential("lee", &claims)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let signed_in = reply.json();
    assert_eq!(signed_in["email"], "lee@example.com");
    assert_eq!(signed_in["name"], "lee");
    assert_eq!(signed_in["picture"], "https://pictures.example/lee.png");
    assert_eq!(signed_in["role"], "reader");
    let members: Vec<_> = signed_in.as_object().unwrap().keys().collect();
    assert_eq!(members, ["user_id", "email", "name", "picture", "role"]);
    assert_eq!(browser.me().await["user_id"], signed_in["user_id"]);
    let redirected = console.signed_in("lee").await.me().await;
    assert_eq!(redirected["user_id"], signed_in["user_id"]);
    assert_eq!(browser.post("/auth/sign-out").await.status, 303);
}

#[tokio::test]
async fn the_form_of_the_button_needs_its_token_twice() {
    let console = start().await;
    let browser = console.browser();
    let own = "g_csrf_token=abc";
    for (cookie, field) in [
        (own, None),
        (own, Some("")),
        (own, Some("abd")),
        ("g_csrf_token=", Some("")),
        ("a=b", Some("abc")),
        ("g_csrf_token=abc; g_csrf_token=abc", Some("abc")),
    ] {
        let credential = console.credential("lee", &json!({}));
        let request = form(&browser, &credential, cookie, field);
        let reply = request.header("sec-fetch-site", "same-origin").await;
        assert_eq!(reply.status, 403, "{cookie} {field:?}");
        assert!(reply.header("set-cookie").is_none());
    }
    let credential = console.credential("lee", &json!({}));
    let request = form(&browser, &credential, own, Some("abc")).header("origin", ORIGIN);
    let reply = request.await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.header("set-cookie").unwrap().starts_with(COOKIE));
}

#[tokio::test]
async fn a_page_of_another_origin_can_not_sign_a_person_in_as_somebody_else() {
    let console = start().await;
    let browser = console.browser();
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("x-nothing", "of either"),
    ] {
        let credential = console.credential("mallory", &json!({}));
        let request = browser.request(Method::POST, PATH);
        let request = request.json(&json!({ "credential": credential }));
        let reply = request.header(name, value).await;
        assert_eq!(reply.status, 403, "{name}: {value}");
        let request = form(&browser, &credential, "g_csrf_token=a", Some("a"));
        assert_eq!(
            request.header(name, value).await.status,
            403,
            "{name}: {value}"
        );
        for kind in ["text/plain", "multipart/form-data; boundary=x"] {
            let request = browser
                .request(Method::POST, PATH)
                .header("content-type", kind);
            let request = request.body(json!({ "credential": credential }).to_string());
            assert_eq!(request.header(name, value).await.status, 403, "{kind}");
        }
    }
    let own = browser
        .request(Method::POST, PATH)
        .header("content-type", "text/plain");
    let own = own.header("sec-fetch-site", "same-origin").body("{}").await;
    assert_eq!(own.status, 415);
}

#[tokio::test]
async fn an_id_token_of_the_button_is_checked_and_used_once() {
    let console = start().await;
    let mut browser = console.browser();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap().as_secs();
    for changes in [
        json!({"aud": "another-client"}),
        json!({"iss": "https://evil.example"}),
        json!({"iat": now - 601}),
        json!({"iat": now + 120}),
        json!({"iat": null}),
        json!({"exp": now - 61}),
        json!({"sub": null}),
    ] {
        let credential = console.credential("lee", &changes);
        assert_eq!(
            post(&mut browser, &credential).await.status,
            401,
            "{changes}"
        );
    }
    for credential in ["", "x", "a.b.c"] {
        assert_eq!(
            post(&mut browser, credential).await.status,
            401,
            "{credential}"
        );
    }
    let unverified = console.credential("lee", &json!({"email_verified": false}));
    assert_eq!(post(&mut browser, &unverified).await.status, 403);
    assert!(!browser.cookies.contains_key(COOKIE));

    let credential = console.credential("lee", &json!({}));
    assert_eq!(post(&mut browser, &credential).await.status, 200);
    assert_eq!(post(&mut console.browser(), &credential).await.status, 401);
}

#[tokio::test]
async fn an_id_token_is_used_once_even_after_the_mark_of_its_use_is_gone() {
    let console = start().await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap().as_secs();
    let credential = console.credential("lee", &json!({"iat": now + 50, "exp": now + 100_000}));
    assert_eq!(post(&mut console.browser(), &credential).await.status, 200);
    let pass = async |seconds: u64| {
        console.clock.pass(std::time::Duration::from_secs(seconds));
        let sql = format!("update people.sign_in set at = at - interval '{seconds} seconds'");
        console.database.run(&sql).await;
    };
    pass(600).await;
    let reply = post(&mut console.browser(), &credential).await;
    assert!(reply.text().contains("used before"), "{reply:?}");
    pass(3_600).await;
    // Another sign-in removes the mark.
    console.signed_in("kim").await;
    for _ in 0..2 {
        let reply = post(&mut console.browser(), &credential).await;
        assert_eq!(reply.status, 401, "{reply:?}");
        assert!(reply.text().contains("older than 10 minutes"), "{reply:?}");
    }
}

/// The token with the other signature that ECDSA has for the same content: `n - s` instead of `s`.
fn with_other_signature(jwt: &str) -> String {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let (signed, signature) = jwt.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let mut borrow = 0;
    for at in (0..32).rev() {
        let order = i16::from_str_radix(&ORDER[2 * at..2 * at + 2], 16).unwrap();
        let difference = order - i16::from(signature[32 + at]) - borrow;
        borrow = i16::from(difference < 0);
        signature[32 + at] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn an_id_token_is_used_once_whatever_its_signature_and_whether_by_the_button_or_the_redirect()
{
    let console = start().await;
    let credential = console.credential("lee", &json!({}));
    let twin = with_other_signature(&credential);
    assert_ne!(twin, credential);
    assert_eq!(post(&mut console.browser(), &credential).await.status, 200);
    let reply = post(&mut console.browser(), &twin).await;
    assert_eq!(reply.status, 401);
    assert!(reply.text().contains("used before"), "{reply:?}");

    console.signed_in("lee").await;
    let redeemed = console.issuer.last_id_token();
    let reply = post(&mut console.browser(), &redeemed).await;
    assert_eq!(reply.status, 401);
    assert!(reply.text().contains("used before"), "{reply:?}");
}
