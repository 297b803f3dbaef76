//! Days begin when they begin in the time zone, in every zone.

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use serde_json::{Value, json};

use crate::common::{Fixture, start};

/// Inserts one conversation of a robeing, as a roll-up counts it.
async fn count(it: &Fixture, robeing: &str, at: &str) {
    it.database
        .run(&format!(
            "insert into robeing.growth
             values ('{robeing}', date_bin('15 minutes', timestamptz '{at}', 'epoch'), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)"
        ))
        .await;
}

/// The days with conversations, of the days from `from` to `to`.
async fn days(it: &Fixture, robeing: &str, zone: &str, from: &str, to: &str) -> Vec<String> {
    let zone = zone.replace('+', "%2B");
    let path = format!("/v1/robeings/{robeing}/growth?from={from}&to={to}&timezone={zone}");
    let growth = it.get(&path).await;
    let days = growth["days"].as_array().unwrap().iter();
    let days = days.filter(|day| day["conversations"] != 0);
    days.map(|day| day["day"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn zones_that_differ_by_half_an_hour_or_a_quarter_have_their_own_days() {
    let it = start().await;
    let cases = [
        ("Asia/Kolkata", "2026-11-20T18:20:00Z", "2026-11-20"),
        ("Asia/Kolkata", "2026-11-20T18:40:00Z", "2026-11-21"),
        ("UTC+5:30", "2026-11-20T18:40:00Z", "2026-11-21"),
        ("Asia/Kathmandu", "2026-11-20T18:10:00Z", "2026-11-20"),
        ("Asia/Kathmandu", "2026-11-20T18:20:00Z", "2026-11-21"),
        ("America/St_Johns", "2026-11-20T03:20:00Z", "2026-11-19"),
        ("America/St_Johns", "2026-11-20T03:35:00Z", "2026-11-20"),
        ("Pacific/Chatham", "2026-09-20T11:10:00Z", "2026-09-20"),
        ("Pacific/Chatham", "2026-09-20T11:20:00Z", "2026-09-21"),
        ("Pacific/Chatham", "2026-11-20T10:10:00Z", "2026-11-20"),
        ("Pacific/Chatham", "2026-11-20T10:20:00Z", "2026-11-21"),
        ("Australia/Lord_Howe", "2026-10-03T13:20:00Z", "2026-10-03"),
        ("Australia/Lord_Howe", "2026-10-03T13:45:00Z", "2026-10-04"),
        ("Australia/Lord_Howe", "2026-11-03T13:10:00Z", "2026-11-04"),
    ];
    for (n, (_, at, _)) in cases.iter().enumerate() {
        it.say(&format!("r{n}"), at, 1).await;
    }
    it.roll_up().await;
    for (n, (zone, at, day)) in cases.into_iter().enumerate() {
        let on = days(&it, &format!("r{n}"), zone, "2026-09-01", "2026-11-30").await;
        assert_eq!(on, [day], "{at} in {zone}");
    }
    it.is_as_recounted().await;
}

#[tokio::test]
async fn days_begin_when_clocks_jump_over_midnight_repeat_it_or_skip_a_day() {
    let it = start().await;
    for (n, (zone, at, day)) in [
        // 00:00 to 01:00 don't exist.
        ("America/Santiago", "2026-09-06T03:50:00Z", "2026-09-05"),
        ("America/Santiago", "2026-09-06T04:05:00Z", "2026-09-06"),
        ("Africa/Cairo", "2026-04-23T21:50:00Z", "2026-04-23"),
        ("Africa/Cairo", "2026-04-23T22:05:00Z", "2026-04-24"),
        ("Asia/Beirut", "2026-03-28T21:50:00Z", "2026-03-28"),
        ("Asia/Beirut", "2026-03-28T22:05:00Z", "2026-03-29"),
        // 23:00 to 24:00 happen twice.
        ("Africa/Cairo", "2026-10-29T20:50:00Z", "2026-10-29"),
        ("Africa/Cairo", "2026-10-29T21:50:00Z", "2026-10-29"),
        ("Africa/Cairo", "2026-10-29T22:05:00Z", "2026-10-30"),
        // 00:00 to 01:00 happen twice.
        ("America/Havana", "2026-11-01T04:05:00Z", "2026-11-01"),
        ("America/Havana", "2026-11-01T05:05:00Z", "2026-11-01"),
        // At one minute past midnight, clocks were set back to the day before.
        ("America/St_Johns", "2009-11-01T02:20:00Z", "2009-10-31"),
        ("America/St_Johns", "2009-11-01T03:20:00Z", "2009-10-31"),
        ("America/St_Johns", "2009-11-01T03:40:00Z", "2009-11-01"),
        // There was no 30 December.
        ("Pacific/Apia", "2011-12-30T09:50:00Z", "2011-12-29"),
        ("Pacific/Apia", "2011-12-30T10:05:00Z", "2011-12-31"),
        // The offset was +05:53:28. Most of the quarter hour that begins at 18:00 is on the next day.
        ("Asia/Kolkata", "1850-03-01T17:45:00Z", "1850-03-01"),
        ("Asia/Kolkata", "1850-03-01T18:00:00Z", "1850-03-02"),
    ]
    .into_iter()
    .enumerate()
    {
        let robeing = format!("r{n}");
        count(&it, &robeing, at).await;
        let year = &at[..4];
        let on = days(
            &it,
            &robeing,
            zone,
            &format!("{year}-01-01"),
            &format!("{year}-12-31"),
        )
        .await;
        assert_eq!(on, [day], "{at} in {zone}");
        // The day alone, and without the day.
        assert_eq!(
            days(&it, &robeing, zone, day, day).await,
            [day],
            "{at} in {zone}"
        );
    }
}

#[tokio::test]
async fn in_every_zone_of_the_database_a_time_is_counted_on_its_local_day() {
    let it = start().await;
    let database = TimeZoneDatabase::bundled();
    let zones = database.available().map(|name| name.to_string());
    let abbreviations = ["CET", "EET", "EST", "Factory", "HST", "MET", "MST", "WET"];
    let zones: Vec<String> = zones
        .filter(|name| !abbreviations.contains(&name.as_str()))
        .collect();
    assert!(zones.len() > 400, "{}", zones.len());
    // From 1975 to 2037, when all offsets were quarter hours.
    let (first, seconds) = (157_766_400, 1_980_000_000);
    let mut random: u64 = 7;
    let mut counted = Vec::new();
    for zone in &zones {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let time = Timestamp::from_second(first + (random >> 33) as i64 % seconds).unwrap();
        let local = database.get(zone).unwrap().to_datetime(time);
        counted.push((zone, time, local.date()));
    }
    let rows: Vec<String> = counted
        .iter()
        .map(|(zone, time, _)| {
            let quarter = time.as_second() - time.as_second() % 900;
            format!("('{zone}', to_timestamp({quarter}), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)")
        })
        .collect();
    it.database
        .run(&format!(
            "insert into robeing.growth values {}",
            rows.join(", ")
        ))
        .await;
    for (zone, time, day) in counted {
        let (from, to) = (day.yesterday().unwrap(), day.tomorrow().unwrap());
        let robeing = zone.replace('/', "%2F");
        let on = days(&it, &robeing, zone, &from.to_string(), &to.to_string()).await;
        assert_eq!(on, [day.to_string()], "{time} in {zone}");
    }
}

#[tokio::test]
async fn a_time_zone_means_what_people_mean_by_it_or_is_refused_with_what_to_write() {
    let it = start().await;
    // 00:30 of the 2nd at nine hours ahead; 18:30 of the 1st at nine hours behind is in the same UTC day.
    it.say("r1", "2026-11-01T15:30:00Z", 1).await;
    it.roll_up().await;
    let growth = async |zone: &str| {
        let path = format!("/v1/robeings/r1/growth?from=2026-11-01&to=2026-11-02&timezone={zone}");
        it.get(&path).await
    };
    for (zone, canonical) in [
        ("UTC%2B9", "+09:00"),
        ("UTC+9", "+09:00"),
        ("GMT%2B9", "+09:00"),
        ("%2B09:00", "+09:00"),
        ("+09:00", "+09:00"),
        ("Etc/GMT-9", "Etc/GMT-9"),
        ("asia/seoul", "Asia/Seoul"),
        ("Asia/Seoul%20", "Asia/Seoul"),
    ] {
        let growth = growth(zone).await;
        assert_eq!(growth["timezone"], canonical, "{zone}");
        assert_eq!(growth["days"][1]["conversations"], 1, "{zone}");
    }
    for zone in ["UTC-9", "Etc/GMT%2B9", "utc"] {
        assert_eq!(growth(zone).await["days"][0]["conversations"], 1, "{zone}");
    }
    for zone in [
        "",
        "%20",
        "Mars",
        "localtime",
        "posixrules",
        "Factory",
        "EST",
        "right/Asia/Seoul",
        "UTC9",
        "KST",
        "UTC%2B9:07",
        "%2B15:00",
    ] {
        let path = format!("/v1/robeings/r1/growth?timezone={zone}");
        let refused = it.app.get(&path).await;
        assert_eq!(refused.status, 400, "{zone}");
        let detail = refused.json()["detail"].to_string();
        for part in ["timezone: ", "Asia/Seoul", "+09:00"] {
            assert!(detail.contains(part), "{zone}: {detail}");
        }
    }
    for (zone, says) in [
        ("Etc/GMT+9", "timezone=Etc/GMT%2B9"),
        ("KST", "abbreviations are not accepted"),
    ] {
        let path = format!("/v1/robeings/r1/growth?timezone={zone}");
        let detail = it.app.get(&path).await.json()["detail"].to_string();
        assert!(detail.contains(says), "{zone}: {detail}");
    }
    let today = it
        .get("/v1/robeings/r1/growth?timezone=Pacific/Kiritimati")
        .await;
    let last: &Value = &today["days"][29]["day"];
    let now = Timestamp::now().in_tz("Pacific/Kiritimati").unwrap();
    let earlier = now.date().yesterday().unwrap().to_string();
    // Unless midnight passed meanwhile.
    assert!(*last == json!(now.date().to_string()) || *last == json!(earlier));
}

/// Makes counts look as an earlier release left them.
const BY_HOUR: &str = "
    with quarter as (delete from robeing.growth returning *)
    insert into robeing.growth
    select robeing_id, date_bin('1 hour', hour, 'epoch'), sum(in_threads), sum(direct), sum(in_channels),
           sum(successful_tasks), sum(failed_tasks), sum(memory_experience), sum(compute_experience),
           sum(empathy_experience), sum(leadership_experience), sum(ethics_experience)
    from quarter
    group by 1, 2;
    insert into robeing.outdated_day
    select distinct (hour at time zone 'utc')::date from robeing.growth";

#[tokio::test]
async fn what_an_earlier_release_counted_by_hour_is_counted_again_by_quarter_hour() {
    let it = start().await;
    for at in [
        "2026-11-20T18:20:00Z",
        "2026-11-20T18:40:00Z",
        "2026-11-20T18:50:00Z",
        "2026-11-21T05:59:57Z",
    ] {
        it.say("r1", at, 4).await;
        it.say("r2", at, 3).await;
    }
    it.say("r1", "2026-09-20T18:40:00Z", 2).await;
    it.end_task("r1", "coding", 5, "success").await;
    it.roll_up().await;
    it.database
        .run("delete from conversation.log where robeing_id = 'r2' and created_at > '2026-11-20T18:45:00Z'")
        .await;
    it.roll_up().await;
    let before = it.state().await;
    // The month that left the log keeps what was counted.
    it.database
        .run("alter table conversation.log detach partition conversation.log_2026_09; drop table conversation.log_2026_09")
        .await;
    it.database.run(BY_HOUR).await;
    let in_kolkata = ["2026-11-20", "2026-11-21"];
    let of_r2 = async || days(&it, "r2", "Asia/Kolkata", "2026-11-20", "2026-11-21").await;
    assert_eq!(
        of_r2().await,
        ["2026-11-20", "2026-11-21"],
        "05:59 is on the 21st"
    );
    it.roll_up_once().await;
    assert_eq!(
        it.count("select count(*) from robeing.outdated_day").await,
        0
    );
    let september = |state: &str| state.replace("2026-09-20 18:30:00", "2026-09-20 18:00:00");
    assert_eq!(it.state().await, september(&before));
    assert_eq!(of_r2().await, in_kolkata);
    let growth = it
        .get("/v1/robeings/r2/growth?from=2026-11-20&to=2026-11-21&timezone=Asia/Kolkata")
        .await;
    let conversations = [0, 1].map(|day| growth["days"][day]["conversations"].clone());
    assert_eq!(conversations, [json!(3), json!(9)]);
    it.is_as_recounted().await;
}

#[tokio::test]
async fn a_day_that_can_not_be_counted_again_delays_no_roll_up_and_no_other_day() {
    let it = start().await;
    it.say("r1", "2026-11-20T18:40:00Z", 4).await;
    it.say("r2", "2026-11-18T18:40:00Z", 3).await;
    it.roll_up().await;
    let before = it.state().await;
    it.database.run(BY_HOUR).await;
    it.database
        .run("create function refuse() returns trigger language plpgsql as $$ begin raise exception 'damaged'; end $$;
              create trigger refuse before insert or update on robeing.growth
              for each row when (new.robeing_id = 'r1') execute function refuse()")
        .await;
    it.roll_up_once().await;
    assert_eq!(
        it.count("select count(*) from robeing.outdated_day where day = '2026-11-20'")
            .await,
        1
    );
    assert_eq!(
        it.count("select count(*) from robeing.outdated_day").await,
        1
    );
    assert_eq!(
        days(&it, "r2", "Asia/Kolkata", "2026-11-18", "2026-11-19").await,
        ["2026-11-19"]
    );
    it.database
        .run("drop trigger refuse on robeing.growth")
        .await;
    it.roll_up_once().await;
    assert_eq!(
        it.count("select count(*) from robeing.outdated_day").await,
        0
    );
    assert_eq!(it.state().await, before);
}
