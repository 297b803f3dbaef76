//! Variants of a response: encodings, tags, conditional requests, `HEAD`.

use std::io::Read as _;
use std::time::Duration;

use http::{Method, StatusCode};
use kit::Reply;
use tokio::time::advance;

use crate::common::{document, level, sealed, serving, shop, table};

#[tokio::test]
async fn the_whole_document_is_sent_in_the_preferred_encoding() {
    let (app, store) = serving(&shop()).await;
    let head = store.head().await;
    let mut tags = Vec::new();
    for (accepts, encoding) in [
        ("identity", None),
        ("gzip, deflate, br", Some("gzip")),
        ("gzip, deflate, br, zstd", Some("zstd")),
        ("gzip;q=1.0, zstd;q=0.9", Some("gzip")),
    ] {
        let reply = app
            .get("/v1/schema")
            .header("accept-encoding", accepts)
            .await;
        assert_eq!(reply.header("content-encoding"), encoding, "{accepts}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert!(decoded(&reply) == head, "{accepts}");
        let tag = reply.etag().expect("a tag").to_owned();
        assert!(tag.starts_with('"'), "strong: {tag}");
        let again = app
            .get("/v1/schema")
            .header("accept-encoding", accepts)
            .if_none_match(&tag)
            .await;
        assert_eq!(
            (again.status, again.body.len()),
            (StatusCode::NOT_MODIFIED, 0)
        );
        assert_eq!(again.etag(), Some(&*tag));
        tags.push(tag);
    }
    assert_eq!(tags[1], tags[3]);
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 3, "a tag a variant");
}

fn decoded(reply: &Reply) -> Vec<u8> {
    match reply.header("content-encoding") {
        None => reply.body.to_vec(),
        Some("zstd") => zstd::decode_all(&reply.body[..]).unwrap(),
        Some("gzip") => {
            let mut body = Vec::new();
            flate2::read::GzDecoder::new(&reply.body[..])
                .read_to_end(&mut body)
                .unwrap();
            body
        }
        Some(other) => panic!("encoded as {other}"),
    }
}

#[tokio::test]
async fn a_matching_tag_saves_the_body() {
    let (app, _) = serving(&shop()).await;
    for path in [
        "/v1/schema",
        "/v1/schema/tables?limit=2",
        "/v1/schema/tables/p.shop.orders",
        "/v1/schema/tables/p.shop.orders?format=ddl",
    ] {
        let first = app.get(path).await;
        let tag = first.etag().expect("a tag").to_owned();
        for known in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".into(),
        ] {
            let reply = app.get(path).header("if-none-match", &known).await;
            assert_eq!(reply.status, StatusCode::NOT_MODIFIED, "{path} {known}");
            assert!(reply.body.is_empty());
            assert_eq!(reply.etag(), Some(&*tag));
            for header in ["cache-control", "vary", "metasync-cache", "age"] {
                assert_eq!(
                    reply.header(header),
                    first.header(header),
                    "{path} {header}"
                );
            }
        }
        let other = app.get(path).if_none_match("other").await;
        assert_eq!(other.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn head_returns_the_headers_of_get_without_the_body() {
    let (app, _) = serving(&shop()).await;
    for path in [
        "/v1/schema",
        "/v1/schema/tables",
        "/v1/schema/tables/p.shop.orders",
    ] {
        let get = app.get(path).await;
        let head = app.request(Method::HEAD, path).await;
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
        assert_eq!((head.etag(), level(&head)), (get.etag(), level(&get)));
        assert_eq!(
            head.header("content-length"),
            Some(&*get.body.len().to_string())
        );
    }
}

#[tokio::test]
async fn a_long_part_is_compressed_and_a_short_one_is_not() {
    let columns: Vec<String> = (0..200).map(|n| format!("column_{n}")).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let wide = document(vec![
        table("p.d.short", &["a"]),
        table("p.d.wide", &columns),
    ]);
    let (app, _) = serving(&wide).await;

    let wide = app
        .get("/v1/schema/tables/wide")
        .header("accept-encoding", "gzip")
        .await;
    let short = app
        .get("/v1/schema/tables/short")
        .header("accept-encoding", "gzip")
        .await;

    assert_eq!(wide.header("content-encoding"), Some("gzip"));
    let plain = app.get("/v1/schema/tables/wide").await;
    assert!(decoded(&wide) == plain.body);
    assert_ne!(wide.etag(), plain.etag());
    assert_eq!(short.header("content-encoding"), None);
    let refused = app
        .get("/v1/schema/tables/short")
        .header("accept-encoding", "gzip, identity;q=0")
        .await;
    assert_eq!(refused.header("content-encoding"), Some("gzip"));
}

#[tokio::test]
async fn a_range_is_answered_whole() {
    let (app, store) = serving(&shop()).await;
    let part = app.get("/v1/schema").header("range", "bytes=0-9").await;
    assert_eq!(
        (part.status, part.body),
        (StatusCode::OK, store.head().await)
    );
}

#[tokio::test(start_paused = true)]
async fn a_table_keeps_its_tag_in_a_version_that_does_not_change_it() {
    let (app, store) = serving(&shop()).await;
    let path = "/v1/schema/tables/p.shop.orders";
    let tag = app.get(path).await.etag().unwrap().to_owned();
    let mut next = shop();
    next.tables.push(table("p.shop.new", &["id"]));
    store.sync(&sealed(next)).await;
    advance(Duration::from_secs(125)).await;

    assert_eq!(
        app.get("/v1/schema/tables/p.shop.new").await.status,
        StatusCode::OK
    );
    let reply = app.get(path).if_none_match(&tag).await;
    assert_eq!(reply.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn the_api_describes_itself() {
    let (app, _) = serving(&shop()).await;
    let api = app.get("/openapi.json").await.json();
    for path in [
        "/v1/schema",
        "/v1/schema/tables",
        "/v1/schema/tables/{name}",
        "/v1/schema/changes",
    ] {
        assert!(
            api["paths"][path]["get"]["responses"]["200"].is_object(),
            "{path}"
        );
    }
    assert!(api["components"]["schemas"]["Document"].is_object());
}
