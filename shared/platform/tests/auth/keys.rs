//! The keys of an issuer. Time is paused, and advanced by the tests.

use kit::clock::WallClock;

use super::*;

async fn trusted() -> (Issuer, Auth) {
    let issuer = Issuer::start().await;
    let auth = open(&[("AUTH_ISSUER", issuer.url()), ("AUTH_AUDIENCE", AUDIENCE)]).unwrap();
    (issuer, auth)
}

fn token(issuer: &Issuer) -> String {
    issuer.token(json!({"metasync_role": "reader"}))
}

async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn concurrent_callers_share_one_fetch_of_the_keys() {
    let (issuer, auth) = trusted().await;
    assert_eq!(issuer.fetches(), 0);
    let token = token(&issuer);
    let callers = futures::future::join_all((0..50).map(|_| ask(&auth, &token))).await;
    assert!(callers.iter().all(Result::is_ok));
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_rotation_the_new_key_is_known_and_the_old_one_is_not() {
    let (issuer, auth) = trusted().await;
    let old = token(&issuer);
    assert_eq!(status(&ask(&auth, &old).await), 200);
    issuer.rotate(Algorithm::EdDSA);
    pass(6).await;
    assert_eq!(status(&ask(&auth, &token(&issuer)).await), 200);
    assert_eq!(issuer.fetches(), 2);
    assert_eq!(status(&ask(&auth, &old).await), 401);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_keys_causes_one_fetch_every_few_seconds() {
    let (issuer, auth) = trusted().await;
    let made_up = |number: usize| {
        issuer.token_with(json!({}), |header| {
            header.kid = Some(format!("made-up-{number}"));
        })
    };
    for round in 1..=3 {
        let flood = (0..100).map(|number| {
            let token = made_up(number);
            let auth = &auth;
            async move { status(&ask(auth, &token).await) }
        });
        let answers = futures::future::join_all(flood).await;
        assert!(answers.iter().all(|status| *status == 401));
        assert_eq!(issuer.fetches(), round);
        pass(6).await;
    }
    assert_eq!(status(&ask(&auth, &token(&issuer)).await), 200);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_disconnects_does_not_cancel_the_fetch_for_the_next() {
    let (issuer, auth) = trusted().await;
    let token = token(&issuer);
    for _ in 0..20 {
        let mut call = Box::pin(ask(&auth, &token));
        // Dropped while it waits for the keys.
        assert!(futures::poll!(&mut call).is_pending());
    }
    assert_eq!(status(&ask(&auth, &token).await), 200);
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_down_is_unavailable_and_retried_later() {
    let (issuer, auth) = trusted().await;
    issuer.set_down(true);
    let token = token(&issuer);
    for _ in 0..10 {
        assert_eq!(status(&ask(&auth, &token).await), 503);
    }
    issuer.set_down(false);
    pass(6).await;
    assert_eq!(status(&ask(&auth, &token).await), 200);
}

#[tokio::test(start_paused = true)]
async fn known_keys_are_used_for_a_day_while_the_issuer_is_down() {
    let (issuer, auth) = trusted().await;
    let old = token(&issuer);
    assert_eq!(status(&ask(&auth, &old).await), 200);
    issuer.set_down(true);
    for _ in 0..23 {
        pass(60 * 60).await;
        assert_eq!(status(&ask(&auth, &old).await), 200);
    }
    // A new key can't be distinguished from a made-up one.
    issuer.rotate(Algorithm::ES256);
    assert_eq!(status(&ask(&auth, &token(&issuer)).await), 503);
    pass(61 * 60).await;
    assert_eq!(status(&ask(&auth, &old).await), 503);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_is_forgotten_after_an_hour() {
    let (issuer, auth) = trusted().await;
    let old = token(&issuer);
    assert_eq!(status(&ask(&auth, &old).await), 200);
    issuer.rotate(Algorithm::ES256);
    pass(59 * 60).await;
    assert_eq!(status(&ask(&auth, &old).await), 200);
    pass(2 * 60).await;
    assert_eq!(status(&ask(&auth, &old).await), 401);
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_is_forgotten_even_if_the_function_was_frozen() {
    let issuer = Issuer::start().await;
    let wall = WallClock::default();
    let env = Env::default()
        .with("AUTH_ISSUER", issuer.url())
        .with("AUTH_AUDIENCE", AUDIENCE);
    let auth = Resources::with_clock(env, wall.clock()).auth().unwrap();
    let old = token(&issuer);
    assert_eq!(status(&ask(&auth, &old).await), 200);
    issuer.rotate(Algorithm::ES256);
    wall.pass(Duration::from_secs(59 * 60));
    assert_eq!(status(&ask(&auth, &old).await), 200);
    wall.set_back(Duration::from_secs(24 * 60 * 60));
    assert_eq!(status(&ask(&auth, &old).await), 200);

    wall.pass(Duration::from_secs(26 * 60 * 60));

    assert_eq!(status(&ask(&auth, &old).await), 401);
    assert_eq!(issuer.fetches(), 2);
}
