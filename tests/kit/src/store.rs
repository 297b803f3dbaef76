//! The contract of object stores: one function per rule.
//!
//! `kit::store_contract!(open)` expands to one test per rule. `open` is an `async fn` that returns an empty
//! store, and a guard that lives as long as the store.

use std::collections::BTreeSet;

use futures::future::join_all;
use platform::store::{ETag, Put, Store, StoreError};

/// One test per rule, with the store that `$open` returns.
#[macro_export]
macro_rules! store_contract {
    ($open:path) => {
        $crate::store_contract! { $open:
            a_put_object_is_read_back
            a_missing_object_is_not_found
            a_put_replaces_the_whole_object
            an_empty_body_is_an_object
            five_megabytes_come_back_unchanged
            an_unchanged_object_is_not_returned_again
            if_absent_writes_only_a_new_object
            if_match_replaces_only_the_matching_version
            if_match_does_not_create_an_object
            one_of_several_concurrent_creations_succeeds
            one_of_several_concurrent_replacements_succeeds
            a_reader_never_sees_a_partial_write
            a_range_is_limited_to_the_object
            a_list_has_the_keys_with_the_prefix_in_order
            a_list_includes_every_page
            a_key_may_have_any_printable_characters
            a_key_that_leaves_the_prefix_is_refused
            a_delete_may_be_repeated
        }
    };
    ($open:path: $($rule:ident)+) => {
        $(
            #[tokio::test]
            async fn $rule() {
                let (_guard, store) = $open().await;
                $crate::store::$rule(&*store).await;
            }
        )+
    };
}

async fn put(store: &dyn Store, key: &str, body: impl Into<Vec<u8>>) -> ETag {
    store
        .put(key, body.into().into(), Put::Always)
        .await
        .unwrap_or_else(|error| panic!("put {key:?}: {error:?}"))
}

async fn body(store: &dyn Store, key: &str) -> Vec<u8> {
    let object = store.get(key).await;
    object
        .unwrap_or_else(|error| panic!("get {key:?}: {error:?}"))
        .body
        .into()
}

fn is_precondition<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Precondition(_)))
}

pub async fn a_put_object_is_read_back(store: &dyn Store) {
    let tag = put(store, "folder/name.json", "{}").await;
    let object = store.get("folder/name.json").await.unwrap();
    assert_eq!(object.body, "{}");
    assert_eq!(object.etag, tag);
}

pub async fn a_missing_object_is_not_found(store: &dyn Store) {
    put(store, "folder/there", "x").await;
    let tag = ETag("1".into());
    for key in ["missing", "folder/missing", "folder", "missing/there"] {
        let whole = store.get(key).await.unwrap_err();
        let part = store.get_range(key, 0..1).await.unwrap_err();
        let changed = store.get_if_changed(key, Some(&tag)).await.unwrap_err();
        for error in [whole, part, changed] {
            assert!(matches!(error, StoreError::NotFound(_)), "{key}: {error:?}");
        }
    }
}

pub async fn a_put_replaces_the_whole_object(store: &dyn Store) {
    let long = put(store, "key", "a long body").await;
    let short = put(store, "key", "short").await;
    assert_eq!(body(store, "key").await, b"short");
    assert_ne!(long, short);
}

pub async fn an_empty_body_is_an_object(store: &dyn Store) {
    let tag = put(store, "empty", "").await;
    assert_eq!(body(store, "empty").await, b"");
    assert_eq!(store.get_range("empty", 0..10).await.unwrap(), "");
    assert_eq!(store.list("").await.unwrap(), ["empty"]);
    let unchanged = store.get_if_changed("empty", Some(&tag)).await.unwrap();
    assert!(unchanged.is_none());
}

pub async fn five_megabytes_come_back_unchanged(store: &dyn Store) {
    // All parts differ, so that a lost or swapped part is detected.
    let large: Vec<u8> = (0..1_250_000u32).flat_map(u32::to_le_bytes).collect();
    put(store, "large", large.clone()).await;
    assert!(body(store, "large").await == large);
    let middle = store
        .get_range("large", 4_000_000..4_000_008)
        .await
        .unwrap();
    assert_eq!(middle, large[4_000_000..4_000_008]);
}

pub async fn an_unchanged_object_is_not_returned_again(store: &dyn Store) {
    let old = put(store, "key", "old").await;
    let unchanged = store.get_if_changed("key", Some(&old)).await.unwrap();
    assert!(unchanged.is_none());

    let new = put(store, "key", "new").await;
    let changed = store.get_if_changed("key", Some(&old)).await.unwrap();
    let changed = changed.expect("the new content");
    assert_eq!((&changed.body[..], changed.etag), (&b"new"[..], new));
}

pub async fn if_absent_writes_only_a_new_object(store: &dyn Store) {
    let first = store.put("key", "first".into(), Put::IfAbsent).await;
    let second = store.put("key", "second".into(), Put::IfAbsent).await;
    assert!(is_precondition(&second), "{second:?}");
    let kept = store.get("key").await.unwrap();
    assert_eq!((&kept.body[..], kept.etag), (&b"first"[..], first.unwrap()));

    store.delete("key").await.unwrap();
    store
        .put("key", "third".into(), Put::IfAbsent)
        .await
        .unwrap();
    assert_eq!(body(store, "key").await, b"third");
}

pub async fn if_match_replaces_only_the_matching_version(store: &dyn Store) {
    let one = put(store, "key", "one").await;
    let two = store
        .put("key", "two".into(), Put::IfMatch(one.clone()))
        .await
        .unwrap();
    let late = store.put("key", "late".into(), Put::IfMatch(one)).await;
    assert!(is_precondition(&late), "{late:?}");
    assert_eq!(body(store, "key").await, b"two");

    store
        .put("key", "three".into(), Put::IfMatch(two))
        .await
        .unwrap();
    assert_eq!(body(store, "key").await, b"three");
}

pub async fn if_match_does_not_create_an_object(store: &dyn Store) {
    let tag = put(store, "key", "gone").await;
    store.delete("key").await.unwrap();
    let written = store.put("key", "new".into(), Put::IfMatch(tag)).await;
    assert!(is_precondition(&written), "{written:?}");
    assert!(store.list("").await.unwrap().is_empty());
}

async fn one_write_succeeds(store: &dyn Store, condition: Put) {
    let bodies: Vec<String> = (0..8).map(|writer| format!("writer {writer}")).collect();
    let writes = bodies
        .iter()
        .map(|body| store.put("raced", body.clone().into(), condition.clone()));
    let written = join_all(writes).await;

    let mut winners = Vec::new();
    for (body, result) in bodies.iter().zip(&written) {
        match result {
            Ok(_) => winners.push(body.as_bytes()),
            Err(_) => assert!(is_precondition(result), "{result:?}"),
        }
    }
    assert_eq!(winners, [body(store, "raced").await]);
}

pub async fn one_of_several_concurrent_creations_succeeds(store: &dyn Store) {
    one_write_succeeds(store, Put::IfAbsent).await;
}

pub async fn one_of_several_concurrent_replacements_succeeds(store: &dyn Store) {
    let tag = put(store, "raced", "before").await;
    one_write_succeeds(store, Put::IfMatch(tag)).await;
}

pub async fn a_reader_never_sees_a_partial_write(store: &dyn Store) {
    let bodies = [vec![b'a'; 300_000], vec![b'b'; 200_000]];
    put(store, "key", bodies[0].clone()).await;
    let write = async {
        for round in 0..20 {
            put(store, "key", bodies[round % 2].clone()).await;
        }
    };
    let read = async {
        for _ in 0..40 {
            let seen = body(store, "key").await;
            assert!(bodies.contains(&seen), "{} bytes", seen.len());
        }
    };
    futures::join!(write, read);
}

pub async fn a_range_is_limited_to_the_object(store: &dyn Store) {
    put(store, "key", "0123456789").await;
    for (range, expected) in [
        (0..4, "0123"),
        (4..10, "456789"),
        (8..100, "89"),
        (9..10, "9"),
        (10..12, ""),
        (1_000..2_000, ""),
        (3..3, ""),
        (0..u64::MAX, "0123456789"),
    ] {
        let part = store.get_range("key", range.clone()).await;
        let part = part.unwrap_or_else(|error| panic!("{range:?}: {error:?}"));
        assert_eq!(part, expected, "{range:?}");
    }
}

pub async fn a_list_has_the_keys_with_the_prefix_in_order(store: &dyn Store) {
    assert!(store.list("").await.unwrap().is_empty());
    // Keys are ordered by bytes: `a-` < `a/` < `a0`, and capitals first. A directory walk has another order.
    let keys = ["B", "a-b", "a/b/c", "a/b/d", "a/c", "a0", "ab", "b/a", "ä"];
    for key in keys.iter().rev() {
        put(store, key, *key).await;
    }
    assert_eq!(store.list("").await.unwrap(), keys);
    assert_eq!(store.list("a/").await.unwrap(), ["a/b/c", "a/b/d", "a/c"]);
    assert_eq!(store.list("a/b").await.unwrap(), ["a/b/c", "a/b/d"]);
    assert_eq!(store.list("a").await.unwrap(), keys[1..7]);
    assert_eq!(store.list("a/b/c").await.unwrap(), ["a/b/c"]);
    assert!(store.list("c").await.unwrap().is_empty());
    assert!(store.list("missing/").await.unwrap().is_empty());
}

pub async fn a_list_includes_every_page(store: &dyn Store) {
    // Both clouds return at most 1,000 keys per page.
    let keys: Vec<String> = (0..1_003)
        .map(|number| format!("versions/{number:04}"))
        .collect();
    for chunk in keys.chunks(50) {
        join_all(chunk.iter().map(|key| put(store, key, ""))).await;
    }
    assert!(store.list("versions/").await.unwrap() == keys);
}

pub async fn a_key_may_have_any_printable_characters(store: &dyn Store) {
    let longest = "l".repeat(200);
    let keys = [
        "spaces in it",
        " at/ both /ends ",
        "a+b",
        "a%2Fb",
        "%",
        "a?b=c&d",
        "a#b",
        "a\\b",
        "a:b",
        "äöü/日本/🦀",
        "..a",
        "a..b",
        "...",
        "~",
        "'\"`<>{}|^[]$!()*;,@=",
        "-",
        "_",
        &longest,
    ];
    for key in keys {
        put(store, key, key).await;
    }
    for key in keys {
        assert_eq!(body(store, key).await, key.as_bytes());
    }
    let listed: BTreeSet<_> = store.list("").await.unwrap().into_iter().collect();
    assert_eq!(listed, keys.iter().map(|&key| key.to_owned()).collect());
    for key in keys {
        store.delete(key).await.unwrap();
    }
    assert!(store.list("").await.unwrap().is_empty());
}

pub async fn a_key_that_leaves_the_prefix_is_refused(store: &dyn Store) {
    let long = "a".repeat(201);
    for key in [
        "",
        "/a",
        "a/",
        "a//b",
        "..",
        "../a",
        "a/../../b",
        "a/./b",
        "a\0b",
        "a\nb",
        &long,
    ] {
        let results = [
            store.get(key).await.map(drop),
            store.get_range(key, 0..1).await.map(drop),
            store.put(key, "x".into(), Put::Always).await.map(drop),
            store.delete(key).await,
        ];
        for result in results {
            assert!(
                matches!(result, Err(StoreError::Other { .. })),
                "{key:?}: {result:?}"
            );
        }
    }
    for prefix in ["/", "/a", "../", "a/../b", "a//", "\0"] {
        let listed = store.list(prefix).await;
        assert!(
            matches!(listed, Err(StoreError::Other { .. })),
            "{prefix:?}: {listed:?}"
        );
    }
    assert!(store.list("").await.unwrap().is_empty());
}

pub async fn a_delete_may_be_repeated(store: &dyn Store) {
    put(store, "a/b", "x").await;
    put(store, "a/c", "y").await;
    store.delete("a/b").await.unwrap();
    store.delete("a/b").await.unwrap();
    store.delete("never/was").await.unwrap();
    store.delete("a").await.unwrap();
    assert!(matches!(
        store.get("a/b").await,
        Err(StoreError::NotFound(_))
    ));
    assert_eq!(store.list("").await.unwrap(), ["a/c"]);
}
