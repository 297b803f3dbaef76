//! A time zone means the same in settings as in requests.

use kit::postgres::database;
use serde_json::json;

use crate::common::app_on;

#[tokio::test]
async fn a_time_zone_is_read_in_its_canonical_form_and_refused_with_what_to_write() {
    let database = database().await;
    let app = app_on(&database, &[]).await;
    let path = "/v1/robeings/zones/settings/user/timezone";
    for (zone, canonical) in [
        ("UTC+9", "+09:00"),
        ("GMT-3:30", "-03:30"),
        ("+05:45", "+05:45"),
        ("asia/kolkata", "Asia/Kolkata"),
        ("Asia/Seoul ", "Asia/Seoul"),
        ("Etc/GMT+9", "Etc/GMT+9"),
        ("utc", "UTC"),
    ] {
        let set = app.put(path, zone).await;
        assert_eq!(
            (set.status.as_u16(), set.json()),
            (200, json!(canonical)),
            "{zone}"
        );
        assert_eq!(app.get(path).await.json(), canonical, "{zone}");
    }
    for zone in [
        "",
        "EST",
        "localtime",
        "posixrules",
        "Factory",
        "right/UTC",
        "Asia/Atlantis",
        "UTC+9:07",
        "KST",
    ] {
        let refused = app.put(path, zone).await;
        assert_eq!(refused.status, 400, "{zone}");
        let detail = refused.json()["detail"].to_string();
        for part in ["timezone: ", "Asia/Seoul", "+09:00"] {
            assert!(detail.contains(part), "{zone}: {detail}");
        }
    }
    assert_eq!(app.get(path).await.json(), "UTC");
}
