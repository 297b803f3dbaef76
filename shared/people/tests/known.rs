//! Callers who are known for a second, and the queries that find them.

use std::time::Duration;

use futures::future::{join, join_all};
use kit::clock::WallClock;
use kit::postgres::Database;
use people::{Actor, People};
use platform::Resources;
use platform::auth::{Accounts as _, Role};

use crate::common::{ALL, Accounts, accounts, role};

/// A process whose connections have this name.
fn named(database: &Database, name: &str) -> People {
    let url = &database.url;
    let sign = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{sign}application_name={name}");
    let env = database.env().with("DATABASE_URL", url);
    People::open(&Resources::new(env)).unwrap()
}

async fn count(database: &Database, condition: &str) -> i64 {
    let client = database.client().await;
    let sql = format!(
        "select count(*) from pg_stat_activity where datname = current_database() and {condition}"
    );
    let row = client.query_typed_one(&sql, &[]).await.unwrap();
    row.get(0)
}

/// A token of the right form that nobody has.
fn invented(number: usize) -> String {
    format!("mst_{number:A>43}")
}

#[tokio::test]
async fn a_change_of_rights_is_in_force_at_once_in_its_process_and_within_a_second_in_frozen_ones()
{
    let accounts = accounts().await;
    let wall = WallClock::default();
    let resources = Resources::with_clock(accounts.database.env(), wall.clock());
    let elsewhere = People::open(&resources).unwrap();
    let (kim, cookie) = accounts.sign_in("kim@example.com").await;
    let raised = accounts.change(ALL, &kim, role(Role::Admin)).await.unwrap();
    for process in [&accounts.people, &elsewhere] {
        let found = process.by_cookie(&cookie).await.unwrap().unwrap();
        assert_eq!(found.caller.role, Role::Admin);
    }
    accounts
        .change(ALL, &raised, role(Role::Reader))
        .await
        .unwrap();
    let found = accounts.people.by_cookie(&cookie).await.unwrap().unwrap();
    assert_eq!(found.caller.role, Role::Reader);
    // The monotonic clock stood still.
    wall.pass(Duration::from_secs(1));
    let found = elsewhere.by_cookie(&cookie).await.unwrap().unwrap();
    assert_eq!(found.caller.role, Role::Reader);
}

#[tokio::test]
async fn requests_of_one_caller_at_once_share_one_query() {
    let Accounts { database, .. } = accounts().await;
    let people = named(&database, "one");
    let token = invented(0);
    let found = join_all((0..10).map(|_| people.by_token(&token))).await;
    assert!(found.into_iter().all(|found| found.unwrap().is_none()));
    // Each query at once has a connection of its own, which stays open.
    assert_eq!(count(&database, "application_name = 'one'").await, 1);
}

#[tokio::test]
async fn lookups_of_invented_callers_leave_connections_to_the_rest() {
    let Accounts { database, .. } = accounts().await;
    let people = named(&database, "four");
    let tokens: Vec<_> = (0..20).map(invented).collect();
    assert!(people.is_token(&tokens[0]));
    let cookies: Vec<_> = tokens.iter().map(|token| &token[4..]).collect();
    let by_token = join_all(tokens.iter().map(|token| people.by_token(token)));
    let by_cookie = join_all(cookies.iter().map(|cookie| people.by_cookie(cookie)));
    let (by_token, by_cookie) = join(by_token, by_cookie).await;
    assert!(by_token.into_iter().all(|found| found.unwrap().is_none()));
    assert!(by_cookie.into_iter().all(|found| found.unwrap().is_none()));
    // Of 16 that the process may have.
    assert_eq!(count(&database, "application_name = 'four'").await, 4);
}

#[tokio::test]
async fn a_caller_whose_row_cannot_be_renewed_is_known() {
    let accounts = accounts().await;
    let people = &accounts.people;
    let (kim, cookie) = accounts.sign_in("kim@example.com").await;
    let (token, _) = people
        .token_of_person(&cookie, &Actor::command())
        .await
        .unwrap();
    let ago = "update people.cookie set last_seen_at = now() - interval '6 minutes';
               alter table people.cookie add constraint fault check (last_seen_at < now() - interval '5 minutes');
               alter table people.token add constraint fault check (last_used_at is null)";
    accounts.database.run(ago).await;
    let signed_in = people.by_cookie(&cookie).await.unwrap().unwrap();
    assert_eq!(signed_in.caller.person(), Some(kim.id));
    assert!(signed_in.renewed.is_none());
    let caller = people.by_token(&token).await.unwrap().unwrap();
    assert_eq!(caller.person(), Some(kim.id));

    let fixed = "alter table people.cookie drop constraint fault";
    accounts.database.run(fixed).await;
    // Who is known is not due again until the next lookup.
    let known = people.by_cookie(&cookie).await.unwrap().unwrap();
    assert!(known.renewed.is_none());
    let elsewhere = crate::common::open(&accounts.database);
    let signed_in = elsewhere.by_cookie(&cookie).await.unwrap().unwrap();
    assert!(signed_in.renewed.is_some());
}

#[tokio::test]
async fn what_was_read_before_a_change_of_rights_is_not_used_after_it() {
    let accounts = accounts().await;
    let (kim, cookie) = accounts.sign_in("kim@example.com").await;
    let ago = "update people.cookie set last_seen_at = now() - interval '6 minutes'";
    accounts.database.run(ago).await;
    // The lookup has read the person, and waits to renew the cookie.
    let lock = accounts.database.client().await;
    let sql = "begin; select from people.cookie for update";
    lock.batch_execute(sql).await.unwrap();
    let people = accounts.people.clone();
    let lookup = tokio::spawn({
        let cookie = cookie.clone();
        async move { people.by_cookie(&cookie).await }
    });
    while count(&accounts.database, "wait_event_type = 'Lock'").await == 0 {}
    accounts.change(ALL, &kim, role(Role::Admin)).await.unwrap();
    lock.batch_execute("rollback").await.unwrap();
    let before = lookup.await.unwrap().unwrap().unwrap();
    assert_eq!(before.caller.role, Role::Reader);
    let after = accounts.people.by_cookie(&cookie).await.unwrap().unwrap();
    assert_eq!(after.caller.role, Role::Admin);
}
