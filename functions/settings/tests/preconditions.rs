//! `If-Match` and `If-None-Match` of changes.

use futures::future::join_all;
use http::Method;
use kit::postgres::database;
use serde_json::{Value, json};

use crate::common::{app_on, get, path};

#[tokio::test]
async fn a_put_with_if_none_match_star_only_creates() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    // A default is no value: the key can be created.
    for (key, first, second) in [
        ("/skill/chess", json!({"opening": "queen"}), json!("other")),
        ("/user/language", json!("en"), json!("fr")),
        ("/system/debug_mode", json!(true), json!(false)),
    ] {
        let created = app.put(&path(key), &first).if_none_match("*").await;
        assert_eq!(created.status, 200, "{key}: {created:?}");
        let again = app.put(&path(key), &second).if_none_match("*").await;
        assert_eq!(again.status, 412, "{key}: {again:?}");
        assert_eq!(get(&app, key).await, first, "{key}");
        assert_eq!(app.delete(&path(key)).await.status, 204);
        let anew = app.put(&path(key), &second).if_none_match("*").await;
        assert_eq!(anew.status, 200, "{key}: {anew:?}");
    }
    // Other keys of the category don't count.
    let other = app
        .put(&path("/skill/checkers"), 1)
        .if_none_match("*")
        .await;
    assert_eq!(other.status, 200);
}

#[tokio::test]
async fn of_several_puts_with_if_none_match_star_one_creates() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    let changes = (0..12).map(|n| app.put(&path("/skill/winner"), n).if_none_match("*"));
    let replies = join_all(changes.map(IntoFuture::into_future)).await;
    let made: Vec<_> = replies.iter().filter(|it| it.status == 200).collect();
    let rejected = replies.iter().filter(|it| it.status == 412).count();
    assert_eq!((made.len(), rejected), (1, 11));
    assert_eq!(get(&app, "/skill/winner").await, made[0].json());
}

#[tokio::test]
async fn a_change_with_if_match_star_only_updates() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    let chess = path("/skill/chess");
    assert_eq!(app.put(&chess, 1).if_match("*").await.status, 412);
    assert_eq!(app.delete(&chess).if_match("*").await.status, 412);
    app.put(&path("/skill/checkers"), 1).await;
    assert_eq!(app.put(&chess, 1).if_match("*").await.status, 412);
    assert_eq!(app.put(&chess, 1).await.status, 200);
    assert_eq!(app.put(&chess, 2).if_match("*").await.status, 200);
    assert_eq!(app.delete(&chess).if_match("*").await.status, 204);
    assert_eq!(app.get(&chess).await.status, 404);
}

#[tokio::test]
async fn a_patch_obeys_both_headers_for_its_category() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    let patch = |name: &'static str, value: &'static str| {
        let request = app.request(Method::PATCH, &path("/user"));
        request.json(&json!({"language": "en"})).header(name, value)
    };
    assert_eq!(patch("if-match", "*").await.status, 412);
    assert_eq!(patch("if-none-match", "*").await.status, 200);
    assert_eq!(patch("if-none-match", "*").await.status, 412);
    assert_eq!(patch("if-match", "*").await.status, 200);
    assert_eq!(patch("if-none-match", "\"2\"").await.status, 412);
    assert_eq!(patch("if-none-match", "\"1\", \"7\"").await.status, 200);
}

#[tokio::test]
async fn tags_are_compared_as_rfc_9110_says_and_both_headers_must_hold() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    let key = path("/skill/chess");
    app.put(&key, 0).await;
    for (headers, status) in [
        (&[("if-match", "W/\"1\"")][..], 412),
        (&[("if-match", "W/\"1\", \"0\"")], 412),
        (&[("if-none-match", "W/\"1\"")], 412),
        (&[("if-none-match", "\"0\", \"1\"")], 412),
        (&[("if-match", "\"1\""), ("if-none-match", "\"1\"")], 412),
        (&[("if-match", "*"), ("if-none-match", "*")], 412),
        (&[("if-match", "\"1\""), ("if-none-match", "*")], 412),
        (&[("if-match", "\"7\""), ("if-none-match", "\"8\"")], 412),
        (
            &[
                ("if-match", "\"0\", W/\"1\", \"1\""),
                ("if-none-match", "\"7\""),
            ],
            200,
        ),
        (&[("if-match", "*"), ("if-none-match", "\"7\"")], 200),
    ] {
        let mut request = app.put(&key, 1);
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let reply = request.await;
        assert_eq!(reply.status, status, "{headers:?}: {reply:?}");
    }
    // Settings that were never changed are at revision 0.
    let new = |tag: &'static str| app.put(&path("/user/language"), "en").if_none_match(tag);
    assert_eq!(new("\"0\"").await.status, 412);
    assert_eq!(new("\"1\"").await.status, 200);
}

#[tokio::test]
async fn a_malformed_condition_is_refused_and_changes_nothing() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    let key = path("/skill/chess");
    app.put(&key, "as it was").await;
    for name in ["if-match", "if-none-match"] {
        for value in ["1", "\"1", "", "*, \"1\"", "W/1", "\"1\" \"2\""] {
            let put = app.put(&key, "changed").header(name, value).await;
            let detail = put.json()["detail"].as_str().unwrap_or_default().to_owned();
            assert_eq!(put.status, 400, "{name}: {value}: {put:?}");
            assert!(detail.starts_with(name), "{detail}");
            assert_eq!(app.delete(&key).header(name, value).await.status, 400);
            let patch = app.request(Method::PATCH, &path("/skill"));
            let patch = patch.json(&json!({"chess": null})).header(name, value);
            assert_eq!(patch.await.status, 400);
        }
    }
    assert_eq!(get(&app, "/skill/chess").await, Value::from("as it was"));
    for rest in ["", "/skill", "/skill/chess"] {
        for value in ["abc", "*, \"1\"", "\"1\" \"2\"", "W/1"] {
            let read = app.get(&path(rest)).header("if-none-match", value).await;
            assert_eq!(read.status, 400, "{rest}: {value}: {read:?}");
            let detail = read.json()["detail"].to_string();
            assert!(detail.contains("if-none-match is malformed"), "{detail}");
        }
        let any = app.get(&path(rest)).header("if-none-match", "*").await;
        assert_eq!(any.status, 304, "{rest}");
        let listed = "\"x,y\", W/\"0.0.1\", \"1\"";
        let listed = app.get(&path(rest)).header("if-none-match", listed).await;
        assert_eq!(listed.status, 304, "{rest}");
    }
}

#[tokio::test]
async fn a_condition_that_is_not_met_is_named_with_its_subject_and_what_to_send() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    app.put(&path("/skill/chess"), 0).await;
    for (key, headers, says) in [
        (
            "chess",
            &[("if-none-match", "\"1\"")][..],
            ["skill is at revision \"1\"", "`If-None-Match` excludes"],
        ),
        (
            "chess",
            &[("if-none-match", "*")],
            ["skill.chess is set already", "in `If-Match`"],
        ),
        (
            "checkers",
            &[("if-match", "*")],
            ["skill.checkers is not set", "without `If-Match`"],
        ),
        (
            "chess",
            &[("if-match", "\"7\"")],
            ["skill is at revision \"1\"", "`If-Match` doesn't list"],
        ),
        (
            "chess",
            &[("if-match", "W/\"1\"")],
            ["a weak tag never matches", "\"1\" without `W/`"],
        ),
        (
            "chess",
            &[("if-match", "*"), ("if-none-match", "*")],
            ["never met together", "send one of them"],
        ),
        (
            "chess",
            &[("if-match", "*"), ("if-none-match", "\"1\"")],
            ["skill is at revision \"1\"", "`If-None-Match` excludes"],
        ),
        (
            "chess",
            &[("if-match", "\"0\""), ("if-none-match", "\"7\"")],
            ["skill is at revision \"1\"", "`If-Match` doesn't list"],
        ),
    ] {
        let at = path(&format!("/skill/{key}"));
        let put = app.put(&at, 1);
        for mut request in [put, app.delete(&at)] {
            for (name, value) in headers {
                request = request.header(name, *value);
            }
            let reply = request.await;
            assert_eq!(reply.status, 412, "{headers:?}: {reply:?}");
            let reply = reply.json();
            let detail = reply["detail"].as_str().unwrap_or_default();
            for part in says {
                assert!(detail.contains(part), "{headers:?}: {detail}");
            }
        }
    }
    for (category, name, says) in [
        ("/user", "if-match", "no key of user is set"),
        ("/skill", "if-none-match", "a key of skill is set already"),
    ] {
        let patch = app.request(Method::PATCH, &path(category)).json(&json!({}));
        let reply = patch.header(name, "*").await;
        assert_eq!(reply.status, 412, "{category}");
        let detail = reply.json()["detail"].to_string();
        assert!(detail.contains(says), "{detail}");
    }
}
