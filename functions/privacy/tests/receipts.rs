//! Changed, removed and inserted receipts are detected.

use serde_json::json;

use crate::common::{Fixture, KIM, LEE, said, start};

const THIRD: &str = "0190b2a0-0000-7000-8000-000000000003";

/// Erases three people one after the other. Returns the ids of the erasures.
async fn erased() -> (Fixture, Vec<String>) {
    let it = start().await;
    let mut ids = Vec::new();
    for user in [KIM, LEE, THIRD] {
        it.stored(said("r1", user, user, "now")).await;
        let erasure = it.erase(json!({"user_id": user})).await;
        assert_eq!(erasure["receipt"]["is_valid"], true);
        ids.push(erasure["id"].as_str().unwrap().to_owned());
    }
    (it, ids)
}

#[tokio::test]
async fn a_receipt_lists_the_erased_rows_and_the_previous_hash_but_no_id_of_the_person() {
    let (it, ids) = erased().await;
    let mut before = "00".repeat(32);
    for (number, id) in ids.iter().enumerate() {
        let erasure = it.app.get(&format!("/v1/erasures/{id}")).await;
        assert!(!erasure.text().contains(KIM) && !erasure.text().contains(LEE));
        let receipt = &erasure.json()["receipt"];
        assert_eq!(receipt["number"], number + 1);
        assert_eq!(receipt["previous"], before.as_str());
        assert_eq!(receipt["body"]["erased"]["conversation.log"], 1);
        assert_eq!(receipt["body"]["left"]["in_scope"], 0);
        // Anyone with the receipts can compute the hash.
        let stored = it.database.client().await;
        let sql = "select encode(sha256(previous || convert_to(body, 'utf8')), 'hex') from privacy.receipt
                   where number = $1";
        let number = number as i64 + 1;
        let row = stored
            .query_typed_one(sql, &[(&number, platform::postgres::types::Type::INT8)])
            .await
            .unwrap();
        before = row.get(0);
        assert_eq!(receipt["hash"], before.as_str());
    }
    assert!(!it.dump().await.contains(KIM));
    it.run().await;
}

#[tokio::test]
async fn tampering_with_receipts_is_detected() {
    for tampering in [
        "update privacy.receipt set body = replace(body, '\"conversation.log\":1', '\"conversation.log\":2') where number = 2",
        "update privacy.receipt set hash = sha256(previous || convert_to(body || ' ', 'utf8')), body = body || ' ' where number = 2",
        "update privacy.receipt set signature = sha256(signature) where number = 2",
        "update privacy.receipt set previous = sha256(previous) where number = 2",
        "delete from privacy.receipt where number = 2",
        "delete from privacy.receipt where number = 3",
        "delete from privacy.receipt where number = 1",
        "delete from privacy.receipt where number = 2; update privacy.receipt set number = 2 where number = 3",
        // Rewrites the whole chain with valid hashes.
        "update privacy.receipt set body = body || ' ';
         update privacy.receipt set hash = sha256(previous || convert_to(body, 'utf8')) where number = 1;
         update privacy.receipt set previous = (select hash from privacy.receipt where number = 1) where number = 2;
         update privacy.receipt set hash = sha256(previous || convert_to(body, 'utf8')) where number = 2;
         update privacy.receipt set previous = (select hash from privacy.receipt where number = 2) where number = 3;
         update privacy.receipt set hash = sha256(previous || convert_to(body, 'utf8')) where number = 3",
    ] {
        let (it, ids) = erased().await;
        it.database.run(tampering).await;
        let reply = it.app.post("/events/privacy", json!({})).await;
        assert_eq!(reply.status, 500, "{tampering}");
        let mut is_valid = true;
        for id in &ids {
            let receipt = &it.app.get(&format!("/v1/erasures/{id}")).await.json()["receipt"];
            is_valid &= receipt["is_valid"] == true;
        }
        assert!(!is_valid, "{tampering}");
    }
}

#[tokio::test]
async fn the_error_of_a_broken_chain_tells_a_missing_key_from_a_changed_or_missing_receipt() {
    let (it, _) = erased().await;
    let fault = async |settings: &[(&str, &str)]| {
        let privacy = it.privacy_with(settings);
        privacy::run::run(&privacy).await.unwrap_err().to_string()
    };
    let other = "09".repeat(32);
    let error = fault(&[("PRIVACY_KEY", &other)]).await;
    assert!(
        error.starts_with(
            "no key in PRIVACY_KEY signed receipt 1: if a key was removed from PRIVACY_KEY, append it"
        ),
        "{error}"
    );
    let both = format!("{other},{}", "08".repeat(32));
    privacy::run::run(&it.privacy_with(&[("PRIVACY_KEY", &both)]))
        .await
        .expect("every receipt is signed with one of both");
    it.database
        .run("update privacy.receipt set body = body || ' ' where number = 3")
        .await;
    let error = fault(&[("PRIVACY_KEY", &both)]).await;
    assert!(error.starts_with("receipt 3 was changed:"), "{error}");
    it.database
        .run("delete from privacy.receipt where number = 2")
        .await;
    let error = fault(&[("PRIVACY_KEY", &both)]).await;
    assert!(error.starts_with("receipt 2 is missing"), "{error}");
}

#[tokio::test]
async fn concurrent_erasures_append_to_one_chain_of_receipts() {
    let it = start().await;
    let mut requests = Vec::new();
    for n in 0..8 {
        let user = format!("0190b2a0-0000-7000-8000-0000000001{n:02}");
        it.stored(said("r1", &user, &format!("m{n}"), "now")).await;
        let request = it.app.post("/v1/erasures", json!({"user_id": user}));
        requests.push(tokio::spawn(async move { request.await }));
    }
    for request in requests {
        let reply = request.await.expect("no panic");
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    assert_eq!(it.count("select max(number) from privacy.receipt").await, 8);
    it.run().await;
}
