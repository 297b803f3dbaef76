//! The cost of a caller that the database knows, compared with one of `AUTH_TOKENS`:
//! `cargo bench -p tests --bench people`.
//!
//! The requests are made one after another within the process, so that neither HTTP nor the network is measured. Each
//! round makes all kinds of requests in turn. A caller is unknown the first time; then the memory of the process has it
//! for a second. `DATABASE_URL` names a server; without it, the benchmark runs on a throwaway one.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use axum::body::Body;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderName, Request, StatusCode};
use kit::postgres::database;
use people::grant::Grantor;
use people::policy::{Identity, Policy};
use people::token::NewToken;
use people::{Actor, People};
use platform::auth::{Role, Scope};
use platform::postgres::Client;
use platform::{Caller, Resources, Router, serve};
use tower::ServiceExt as _;

const ROUNDS: usize = 40;
/// The requests of each kind per round, which last much less than a second.
const REQUESTS: usize = 200;

/// `printf %s benchmark | sha256sum`
const TOKENS: &str = r#"[{"name": "benchmark", "role": "admin",
    "sha256": "0e89820860c342f2c7ec694d144023b10301c2accdd078cb5167a06d0c3d5bcc"}]"#;

fn main() -> anyhow::Result<()> {
    // `cargo test --benches` only checks that it starts.
    if std::env::args().any(|argument| argument == "--test") {
        return Ok(());
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let database = database().await;
    let env = database
        .env()
        .with("AUTH_TOKENS", TOKENS)
        .with("RUST_LOG", "off");
    let resources = Resources::new(env);
    let people = People::open(&resources)?;
    resources.ingress().accept_cookies("/v1/probe");
    let probe = axum::Router::new().route("/v1/probe", axum::routing::get(async |_: Caller| "ok"));
    let service = serve::service("bench", Router::from(probe), &resources)?;
    let client = database.client().await;

    let everything = Scope::all();
    let actor = Actor::command();
    let grantor = Grantor {
        actor: &actor,
        reach: &everything,
        person: None,
    };
    let identity = Identity {
        issuer: "https://issuer.example".to_owned(),
        subject: "1".to_owned(),
        email: Some("kim@example.com".to_owned()),
        hosted_domain: None,
        name: None,
        picture: None,
    };
    let env = platform::Env::default().with("SIGN_IN_ADMIN", "kim@example.com");
    let policy = Policy::of(&env)?;
    let signed_in = people.sign_in(&identity, &policy, None, None).await?;
    let cookie = signed_in.cookie.to_str()?.split(';').next();
    let cookie = cookie.context("a cookie")?.to_owned();

    let kinds = ["AUTH_TOKENS", "query", "token, first", "token", "cookie"];
    let mut times: [Vec<f64>; 5] = Default::default();
    for _ in 0..ROUNDS {
        let mut secrets = Vec::new();
        for at in 0..REQUESTS {
            let new = NewToken {
                name: format!("token {at}"),
                role: Role::Reader,
                scope: Scope::default(),
                expires_at: None,
            };
            let created = people.create_token(&new, None, &grantor).await?;
            secrets.push((created.token.id, format!("Bearer {}", created.secret)));
        }
        // What was used within five minutes is looked up without writing that it is used.
        client
            .execute_typed("update people.token set last_used_at = now()", &[])
            .await?;
        let (_, known) = &secrets[0];
        for (_, secret) in &secrets {
            let configured = "Bearer benchmark";
            times[0].push(request(&service, AUTHORIZATION, configured).await?);
            times[1].push(query(&client).await?);
            times[2].push(request(&service, AUTHORIZATION, secret).await?);
        }
        // One that is unknown comes first and does not count.
        request(&service, AUTHORIZATION, known).await?;
        request(&service, COOKIE, &cookie).await?;
        for _ in 0..REQUESTS {
            times[3].push(request(&service, AUTHORIZATION, known).await?);
            times[4].push(request(&service, COOKIE, &cookie).await?);
        }
        for (id, _) in secrets {
            people.revoke_token(id, &grantor).await?;
        }
    }
    println!("| caller | p50 µs | over `AUTH_TOKENS` |");
    println!("| --- | --- | --- |");
    let base = median(&mut times[0]);
    for (kind, times) in kinds.into_iter().zip(&mut times) {
        let p50 = median(times);
        println!("| {kind} | {p50:.1} | {:.1} |", p50 - base);
    }
    Ok(())
}

/// In µs.
async fn request(service: &axum::Router, name: HeaderName, value: &str) -> anyhow::Result<f64> {
    let request = Request::get("/v1/probe").header(name, value);
    let request = request.body(Body::empty())?;
    let started = Instant::now();
    let response = service.clone().oneshot(request).await?;
    let took = started.elapsed();
    ensure!(response.status() == StatusCode::OK, "{response:?}");
    Ok(took.as_secs_f64() * 1e6)
}

/// One query by primary key, on a connection that is open.
async fn query(client: &Client) -> anyhow::Result<f64> {
    let started = Instant::now();
    client
        .query_typed(
            "select role from people.token where hash = sha256('none')",
            &[],
        )
        .await?;
    Ok(started.elapsed().as_secs_f64() * 1e6)
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
