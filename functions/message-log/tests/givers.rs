//! Who gave feedback: one Slack id in several teams, and people whom only another tenant knows.

use serde_json::json;

use crate::common::{message, start, texts};
use crate::feedback::{LIST, PERSON, give};

#[tokio::test]
async fn one_slack_id_in_two_teams_is_two_givers_each_found_by_their_team() {
    let log = start().await;
    let id = log.stored(message("a")).await;
    let by = |id: &str, value: i32| json!({"name": "helpful", "value": value, "user_id": id});
    for (giver, value) in [("T7:UQQ", 7), ("T8:UQQ", 8), ("UQQ", 9)] {
        let reply = give(&log, &id, by(giver, 0)).await;
        assert_eq!(reply.status, 201, "{giver}: {reply:?}");
        assert_eq!(reply.json()["slack_user_id"], "UQQ");
        let reply = give(&log, &id, by(giver, value)).await;
        assert_eq!(reply.status, 200, "{giver}: {reply:?}");
    }
    for (giver, value) in [("T7:UQQ", 7), ("T8:UQQ", 8), ("UQQ", 9)] {
        let page = log.get(&format!("{LIST}?user_id={giver}")).await;
        assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{giver}");
        assert_eq!(page["items"][0]["value"], value, "{giver}");
    }
    let nobody = log.get(&format!("{LIST}?user_id=T9:UQQ")).await;
    assert_eq!(nobody["items"], json!([]));
    // Slack shows who the one of team 7 is. The others are other people still.
    let client = log.database.client().await;
    let name = format!("insert into conversation.slack_user values ('T7', 'UQQ', '{PERSON}')");
    client.batch_execute(&name).await.expect("a name");
    assert_eq!(give(&log, &id, by(PERSON, 1)).await.status, 200);
    let named = "select count(*) from conversation.feedback where slack_names = '{T7:UQQ}'";
    assert_eq!(log.count(named).await, 1, "the name stays");
    assert_eq!(give(&log, &id, by("T8:UQQ", 2)).await.status, 200);
    for (giver, value) in [(PERSON, 1), ("T7:UQQ", 1), ("T8:UQQ", 2)] {
        let page = log.get(&format!("{LIST}?user_id={giver}")).await;
        assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{giver}");
        assert_eq!(page["items"][0]["value"], value, "{giver}");
    }
}

#[tokio::test]
async fn feedback_reveals_nothing_of_a_person_whom_only_another_tenant_knows() {
    let log = start().await;
    let id = log.stored(message("a")).await;
    log.stored(json!({"robeing_id": "r2", "user_id": PERSON, "message": "b"}))
        .await;
    let client = log.database.client().await;
    let name = format!("insert into conversation.slack_user values ('T1', 'UKNOWN', '{PERSON}')");
    client.batch_execute(&name).await.expect("a name");
    let mut answers = Vec::new();
    for user in ["UKNOWN", "UNOBODY"] {
        let mut of_user = Vec::new();
        for giver in [format!("T1:{user}"), user.to_owned()] {
            let feedback = json!({"name": "helpful", "value": 1, "user_id": giver});
            let reply = give(&log, &id, feedback).await;
            let stored = reply.json();
            of_user.push(json!([
                reply.status.as_u16(),
                stored["user_id"],
                stored["slack_user_id"]
            ]));
        }
        for giver in [user.to_owned(), format!("T1:{user}"), format!("T2:{user}")] {
            let page = log.get(&format!("{LIST}?user_id={giver}")).await;
            of_user.push(json!([
                texts(&page, "user_id"),
                texts(&page, "slack_user_id")
            ]));
        }
        let text = json!(of_user).to_string().replace(user, "user");
        assert!(!text.contains(PERSON), "{text}");
        answers.push(text);
    }
    assert_eq!(answers[0], answers[1]);
}
