//! The app on its own database, and helpers for tests.

use kit::TestApp;
use kit::postgres::{Database, database};
use platform::postgres::Client;
use platform::postgres::types::Type;
use serde_json::{Value, json};

pub struct Fixture {
    pub app: TestApp,
    pub database: Database,
}

pub async fn start() -> Fixture {
    let database = database().await;
    database
        .run("select conversation.add_month(month::date) from generate_series(date '2026-09-01', '2026-12-01', '1 month') as month")
        .await;
    let app = app_on(&database, &[]).await;
    Fixture { app, database }
}

pub async fn app_on(database: &Database, settings: &[(&str, &str)]) -> TestApp {
    let mut builder = TestApp::with_env(database.env()).named("stats-batch");
    for (name, value) in settings {
        builder = builder.set(name, *value);
    }
    builder.start(stats_batch::app).await
}

/// Inserts conversations into the log, one per second from a time on: in a thread, direct, and in a channel in turn. Each
/// is answered by its own row.
const SAY: &str = "
    with said as (
        select n, gen_random_uuid() as id, gen_random_uuid() as answer,
               $2::text::timestamptz + n * interval '1 second' as at
        from generate_series(1, $3::int8) as n
    ),
    timed as (
        select n, at,
               overlay(id::text placing left(time, 8) || '-' || substr(time, 9) from 1 for 13)::uuid as id,
               overlay(answer::text placing left(time, 8) || '-' || substr(time, 9) from 1 for 13)::uuid as answer
        from said, lpad(to_hex((extract(epoch from at) * 1000)::int8), 12, '0') as time
    )
    insert into conversation.log (id, robeing_id, channel_id, thread_ts, message, response, metadata,
                                  token_count, source, source_event_id, content, created_at, reply_to)
    select id, $1, case when n % 3 <> 1 then 'C1' end, case when n % 3 = 0 then 't1' end, 'hello', null, '{}'::jsonb,
           2, 'http', '', id, at, null::uuid
    from timed
    union all
    select answer, $1, 'C1', null, null, 'hello', '{}', 2, 'http', '', answer, at, id
    from timed";

pub async fn say(client: &Client, robeing: &str, at: &str, count: i64) {
    client
        .query_typed(
            SAY,
            &[
                (&robeing, Type::TEXT),
                (&at, Type::TEXT),
                (&count, Type::INT8),
            ],
        )
        .await
        .expect("the log takes them");
}

impl Fixture {
    pub async fn say(&self, robeing: &str, at: &str, count: i64) {
        say(&self.database.client().await, robeing, at, count).await;
    }

    pub async fn end_task(&self, robeing: &str, task_type: &str, difficulty: i64, outcome: &str) {
        let task = json!({"task_type": task_type, "difficulty": difficulty, "outcome": outcome});
        let path = format!("/v1/robeings/{robeing}/tasks");
        let reply = self.app.post(&path, task).await;
        assert_eq!(reply.status, 201, "{reply:?}");
    }

    pub async fn roll_up_once(&self) -> Value {
        let reply = self.app.post("/events/stats-batch", json!({})).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    /// Rolls up until everything is rolled up. Transactions in other databases of the server hold the horizon back for a
    /// moment.
    pub async fn roll_up(&self) {
        let open = "select (select count(*) from conversation.log where xid >= mark.xid)
                         + (select count(*) from robeing.task where xid >= mark.xid)
                         + (select count(*) from robeing.removed where xid >= mark.xid)
                    from robeing.watermark as mark";
        for _ in 0..500 {
            self.roll_up_once().await;
            if self.count(open).await == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("the roll-up does not come to an end");
    }

    pub async fn rebuild(&self) -> stats_batch::rebuild::Rebuilt {
        let stats = stats_batch::Stats::open(self.app.resources()).unwrap();
        stats_batch::rebuild::run(&stats).await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        let reply = self.app.get(path).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    pub async fn stats(&self, robeing: &str) -> Value {
        self.get(&format!("/v1/robeings/{robeing}/stats")).await
    }

    pub async fn count(&self, sql: &str) -> i64 {
        let client = self.database.client().await;
        client
            .query_typed_one(sql, &[])
            .await
            .expect("a count")
            .get(0)
    }

    /// All hours and stats, without the times at which they were written.
    pub async fn state(&self) -> String {
        let client = self.database.client().await;
        let row = client
            .query_typed_one(
                "select (select coalesce(string_agg(growth::text, e'\\n' order by robeing_id, hour), '') from robeing.growth)
                     || e'\\n' || (select coalesce(string_agg((to_jsonb(stats) - 'updated_at')::text, e'\\n' order by robeing_id), '') from robeing.stats)",
                &[],
            )
            .await
            .expect("the state");
        row.get(0)
    }

    /// Checks that counting everything again changes nothing.
    pub async fn is_as_recounted(&self) {
        let before = self.state().await;
        assert_eq!(self.rebuild().await.changed, 0);
        assert_eq!(self.state().await, before);
    }
}

impl Fixture {
    /// Waits until the horizon has passed everything that is committed.
    pub async fn until_horizon_passed(&self) {
        let open = "select (select count(*) from conversation.log where xid >= pg_snapshot_xmin(pg_current_snapshot()))
                         + (select count(*) from robeing.task where xid >= pg_snapshot_xmin(pg_current_snapshot()))";
        for _ in 0..500 {
            if self.count(open).await == 0 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the horizon does not move");
    }
}
