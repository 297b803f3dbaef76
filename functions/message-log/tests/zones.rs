//! Days and hours of `/patterns` are those of the time zone, in every zone.

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use serde_json::{Value, json};

use crate::common::{Fixture, start};
use crate::memory::roll_up;

/// The days with messages, and the hours with messages, of the days from `from` to `to`.
async fn patterns(
    log: &Fixture,
    robeing: &str,
    zone: &str,
    (from, to): (&str, &str),
) -> (Vec<String>, Vec<usize>) {
    let (robeing, zone) = (robeing.replace('/', "%2F"), zone.replace('+', "%2B"));
    let path = format!("/v1/robeings/{robeing}/patterns?from={from}&to={to}&timezone={zone}");
    let patterns = log.get(&path).await;
    let days = patterns["days"].as_array().expect("days").iter();
    let hours = patterns["hours"].as_array().expect("hours").iter();
    (
        days.map(|day| day["day"].as_str().unwrap_or_default().to_owned())
            .collect(),
        hours
            .enumerate()
            .filter(|(_, count)| **count != 0)
            .map(|(hour, _)| hour)
            .collect(),
    )
}

#[tokio::test]
async fn zones_that_differ_by_half_an_hour_or_a_quarter_have_their_own_days_and_hours() {
    let log = start().await;
    let cases = [
        ("Asia/Kolkata", "2026-11-20T18:20:00Z", "2026-11-20", 23),
        ("Asia/Kolkata", "2026-11-20T18:40:00Z", "2026-11-21", 0),
        ("+05:30", "2026-11-20T19:20:00Z", "2026-11-21", 0),
        ("+05:30", "2026-11-20T19:40:00Z", "2026-11-21", 1),
        ("Asia/Kathmandu", "2026-11-20T18:10:00Z", "2026-11-20", 23),
        ("Asia/Kathmandu", "2026-11-20T18:20:00Z", "2026-11-21", 0),
        ("Pacific/Chatham", "2026-11-20T10:20:00Z", "2026-11-21", 0),
        (
            "Australia/Lord_Howe",
            "2026-10-03T13:45:00Z",
            "2026-10-04",
            0,
        ),
        // Clocks went from 02:00 to 02:30.
        (
            "Australia/Lord_Howe",
            "2026-10-03T15:20:00Z",
            "2026-10-04",
            1,
        ),
        (
            "Australia/Lord_Howe",
            "2026-10-03T15:35:00Z",
            "2026-10-04",
            2,
        ),
        ("America/St_Johns", "2026-11-20T03:35:00Z", "2026-11-20", 0),
        ("UTC+9", "2026-11-20T15:00:00Z", "2026-11-21", 0),
    ];
    let item = |(n, case): (usize, &(&str, &str, &str, usize))| json!({"robeing_id": format!("r{n}"), "thread_ts": "t1", "message": "m1", "created_at": case.1});
    let items: Vec<Value> = cases.iter().enumerate().map(item).collect();
    log.app
        .post("/v1/messages/batch", json!({ "items": items }))
        .await;
    roll_up(&log).await;
    for (n, (zone, at, day, hour)) in cases.into_iter().enumerate() {
        let robeing = format!("r{n}");
        let around = patterns(&log, &robeing, zone, ("2026-10-01", "2026-11-30")).await;
        assert_eq!(around, (vec![day.to_owned()], vec![hour]), "{at} in {zone}");
        let alone = patterns(&log, &robeing, zone, (day, day)).await;
        assert_eq!(alone, around, "{at} in {zone}");
    }
}

#[tokio::test]
async fn patterns_tell_their_time_zone_in_its_canonical_form() {
    let log = start().await;
    for (zone, canonical) in [
        ("?timezone=UTC%2B9", "+09:00"),
        ("?timezone=asia/kolkata", "Asia/Kolkata"),
        // The default of the setting.
        ("", "Asia/Seoul"),
    ] {
        let patterns = log.get(&format!("/v1/robeings/r1/patterns{zone}")).await;
        assert_eq!(patterns["timezone"], canonical, "{zone}");
    }
}

#[tokio::test]
async fn in_every_zone_of_the_database_a_time_is_counted_in_its_local_hour() {
    let log = start().await;
    let database = TimeZoneDatabase::bundled();
    let abbreviations = ["CET", "EET", "EST", "Factory", "HST", "MET", "MST", "WET"];
    // From 1975 to 2037, when all offsets were quarter hours.
    let (first, seconds) = (157_766_400, 1_980_000_000);
    let mut random: u64 = 11;
    let mut counted = Vec::new();
    for zone in database.available().map(|name| name.to_string()) {
        if abbreviations.contains(&zone.as_str()) {
            continue;
        }
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let time = Timestamp::from_second(first + (random >> 33) as i64 % seconds).expect("a time");
        let local = database.get(&zone).expect("a zone").to_datetime(time);
        counted.push((zone, time, local));
    }
    assert!(counted.len() > 400, "{}", counted.len());
    let rows: Vec<String> = counted
        .iter()
        .map(|(zone, time, _)| {
            let quarter = time.as_second() - time.as_second() % 900;
            format!("('{zone}', to_timestamp({quarter}), 1, 1, 0, 0, 0, 0)")
        })
        .collect();
    log.database
        .run(&format!(
            "insert into conversation.activity values {}",
            rows.join(", ")
        ))
        .await;
    for (zone, time, local) in counted {
        let (from, to) = (local.date().yesterday(), local.date().tomorrow());
        let (from, to) = (
            from.expect("a day").to_string(),
            to.expect("a day").to_string(),
        );
        let counted = patterns(&log, &zone, &zone, (&from, &to)).await;
        let hour = usize::try_from(local.hour()).expect("an hour");
        assert_eq!(
            counted,
            (vec![local.date().to_string()], vec![hour]),
            "{time} in {zone}"
        );
    }
}

#[tokio::test]
async fn the_last_day_of_patterns_is_today_in_the_time_zone() {
    let log = start().await;
    log.stored(json!({"robeing_id": "r1", "message": "is it late?", "intent": "ask"}))
        .await;
    roll_up(&log).await;
    for zone in ["Pacific/Kiritimati", "UTC-12", "Asia/Kolkata", "UTC"] {
        let patterns = log
            .get(&format!("/v1/robeings/r1/patterns?timezone={zone}"))
            .await;
        assert_eq!(patterns["days"][0]["messages"], 1, "{zone}: {patterns}");
        assert_eq!(patterns["questions"][0]["asked"], 1, "{zone}: {patterns}");
        assert_eq!(patterns["intents"][0]["messages"], 1, "{zone}: {patterns}");
    }
    for query in [
        "timezone=EST",
        "timezone=localtime",
        "timezone=UTC%2B9:07",
        "timezone=",
        "from=9999-01-01",
    ] {
        let refused = log
            .app
            .get(&format!("/v1/robeings/r1/patterns?{query}"))
            .await;
        assert_eq!(refused.status, 400, "{query}");
    }
}

/// Makes activity look as an earlier release left it.
const BY_HOUR: &str = "
    with quarter as (delete from conversation.activity returning *)
    insert into conversation.activity
    select robeing_id, date_bin('1 hour', hour, 'epoch'), sum(conversations), sum(messages), sum(responses),
           sum(tokens), sum(confidence_sum), sum(confidence_count)
    from quarter
    group by 1, 2;
    insert into conversation.outdated_day (day)
    select distinct (hour at time zone 'utc')::date from conversation.activity";

const ALL: &str = "select string_agg(activity::text, e'\\n' order by robeing_id, hour) from conversation.activity";

async fn activity(log: &Fixture) -> String {
    let client = log.database.client().await;
    client
        .query_typed_one(ALL, &[])
        .await
        .expect("activity")
        .get(0)
}

#[tokio::test]
async fn what_an_earlier_release_counted_by_hour_is_moved_into_quarter_hours_once() {
    let log = start().await;
    let mut items = Vec::new();
    for robeing in ["r1", "r2"] {
        for (thread, at) in [
            ("a", "18:05"),
            ("a", "18:20"),
            ("b", "18:40"),
            ("c", "18:40"),
            ("c", "18:50"),
            ("d", "19:30"),
        ] {
            items.push(json!({
                "robeing_id": robeing, "thread_ts": thread, "message": at, "response": "yes", "confidence": 0.5,
                "created_at": format!("2026-10-20T{at}:00Z"),
            }));
        }
    }
    log.app
        .post("/v1/messages/batch", json!({ "items": items }))
        .await;
    roll_up(&log).await;
    let before = activity(&log).await;
    let in_kolkata =
        async || patterns(&log, "r1", "Asia/Kolkata", ("2026-10-20", "2026-10-21")).await;
    assert_eq!(in_kolkata().await.1, [0, 1, 23]);

    log.database.run(BY_HOUR).await;
    assert_eq!(
        in_kolkata().await.1,
        [0, 23],
        "18:00 counts as 23:30, 19:00 as 00:30"
    );
    roll_up(&log).await;
    assert_eq!(activity(&log).await, before);
    // Running it again changes nothing.
    let again = "insert into conversation.outdated_day (day) values ('2026-10-20')";
    log.database.run(again).await;
    roll_up(&log).await;
    assert_eq!(activity(&log).await, before);
    assert_eq!(
        log.count("select count(*) from conversation.outdated_day")
            .await,
        0
    );

    // The counts of messages that were erased since stay in the hour.
    log.database
        .run(
            "update conversation.log
             set message = null, response = null, confidence = null, token_count = 0, erased_at = now(), deleted_at = now(),
                 content = '00000000-0000-0000-0000-000000000000'
             where created_at = '2026-10-20T18:40:00Z'",
        )
        .await;
    log.database.run(BY_HOUR).await;
    roll_up(&log).await;
    let per_hour = log
        .get("/v1/robeings/r1/patterns?from=2026-10-20&to=2026-10-20&timezone=UTC")
        .await;
    assert_eq!(per_hour["hours"][18], 5, "{per_hour}");
    let day = &per_hour["days"][0];
    assert_eq!(
        (&day["messages"], &day["conversations"]),
        (&json!(6), &json!(4))
    );
    assert_eq!(day["confidence"], 0.5);
}

#[tokio::test]
async fn a_day_waits_until_no_earlier_release_can_add_to_it() {
    let log = start().await;
    log.database
        .run("insert into conversation.outdated_day (day) select (now() at time zone 'utc')::date - n from generate_series(-1, 3) as n")
        .await;
    roll_up(&log).await;
    let waiting = log
        .count("select count(*) from conversation.outdated_day")
        .await;
    // A day is over if midnight passes meanwhile.
    assert!((2..=3).contains(&waiting), "{waiting}");
}

/// One message per quarter of 18:00, and what an earlier release made of it.
async fn counted_by_hour() -> Fixture {
    let log = start().await;
    let items: Vec<Value> = ["18:05", "18:20", "18:35", "18:50"]
        .iter()
        .map(|at| json!({"robeing_id": "r1", "thread_ts": "t1", "message": "four", "created_at": format!("2026-10-20T{at}:00Z")}))
        .collect();
    log.app
        .post("/v1/messages/batch", json!({ "items": items }))
        .await;
    roll_up(&log).await;
    log
}

async fn tokens_per_quarter(log: &Fixture) -> Vec<i64> {
    let client = log.database.client().await;
    let sql = "select array_agg(tokens order by hour) from conversation.activity";
    client
        .query_typed_one(sql, &[])
        .await
        .expect("activity")
        .get(0)
}

#[tokio::test]
async fn a_text_that_was_edited_since_changes_no_count_of_its_hour() {
    let log = counted_by_hour().await;
    log.database.run(BY_HOUR).await;
    assert_eq!(tokens_per_quarter(&log).await, [4]);
    let longer =
        "update conversation.log set token_count = 500 where created_at = '2026-10-20T18:20:00Z'";
    log.database.run(longer).await;
    roll_up(&log).await;
    assert_eq!(tokens_per_quarter(&log).await, [1, 3, 0, 0]);
    let hour = log
        .get("/v1/robeings/r1/patterns?from=2026-10-20&to=2026-10-20&timezone=UTC")
        .await;
    assert_eq!(
        (&hour["days"][0]["tokens"], &hour["days"][0]["messages"]),
        (&json!(4), &json!(4))
    );

    // What this release counted by quarter hour stays where it is.
    let log = counted_by_hour().await;
    log.database.run(longer).await;
    log.database
        .run("insert into conversation.outdated_day (day) values ('2026-10-20')")
        .await;
    roll_up(&log).await;
    assert_eq!(tokens_per_quarter(&log).await, [1, 1, 1, 1]);
}

#[tokio::test]
async fn a_change_that_is_not_rolled_up_yet_is_counted_once_in_its_quarter_hour() {
    let log = counted_by_hour().await;
    log.database.run(BY_HOUR).await;
    // A merge whose transaction the next roll-up doesn't pass yet.
    log.database
        .run("update conversation.log set response = 'ten tokens', token_count = 11, confidence = 0.5
              where created_at = '2026-10-20T18:20:00Z';
              insert into conversation.edited (id, robeing_id, is_counted, responses, tokens, confidence, confidences, xid)
              select id, robeing_id, true, 1, 10, 0.5, 1, '9223372036854775807' from conversation.log
              where created_at = '2026-10-20T18:20:00Z'")
        .await;
    for _ in 0..200 {
        log.app.post("/events/message-log", json!({})).await;
        if log
            .count("select count(*) from conversation.outdated_day")
            .await
            == 0
        {
            break;
        }
    }
    assert_eq!(tokens_per_quarter(&log).await, [1, 1, 1, 1]);
    log.database
        .run("update conversation.edited set xid = '3'")
        .await;
    roll_up(&log).await;
    assert_eq!(tokens_per_quarter(&log).await, [1, 11, 1, 1]);
    let day = &log
        .get("/v1/robeings/r1/patterns?from=2026-10-20&to=2026-10-20&timezone=UTC")
        .await["days"][0];
    assert_eq!(
        (&day["responses"], &day["confidence"]),
        (&json!(1), &json!(0.5)),
        "{day}"
    );
}

#[tokio::test]
async fn a_day_that_can_not_be_moved_delays_no_roll_up_and_no_other_day() {
    let log = counted_by_hour().await;
    let other = json!({"robeing_id": "r2", "thread_ts": "t1", "message": "four", "created_at": "2026-10-18T18:20:00Z"});
    log.stored(other).await;
    roll_up(&log).await;
    log.database.run(BY_HOUR).await;
    log.database
        .run("create function refuse() returns trigger language plpgsql as $$ begin raise exception 'damaged'; end $$;
              create trigger refuse before insert or update on conversation.activity
              for each row when (new.robeing_id = 'r1') execute function refuse()")
        .await;
    log.stored(json!({"robeing_id": "r3", "message": "hello"}))
        .await;
    for _ in 0..200 {
        let run = log.app.post("/events/message-log", json!({})).await;
        assert_eq!(run.status, 200, "{run:?}");
        if log
            .count("select count(*) from conversation.outdated_day")
            .await
            == 1
        {
            break;
        }
    }
    assert_eq!(
        log.count("select count(*) from conversation.outdated_day where day = '2026-10-20'")
            .await,
        1
    );
    assert_eq!(
        log.count("select count(*) from conversation.outdated_day")
            .await,
        1
    );
    log.database
        .run("drop trigger refuse on conversation.activity")
        .await;
    roll_up(&log).await;
    assert_eq!(tokens_per_quarter(&log).await.len(), 6);
    assert_eq!(
        log.count("select count(*) from conversation.outdated_day")
            .await,
        0
    );
}
