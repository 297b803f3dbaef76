//! Console: sign-in, and the administration of people, service tokens and the audit log.

mod administration;
mod audit;
mod people;
mod sign_in;
pub mod sweep;
mod tokens;

use ::people::People;
use ::people::audit::AuditChain;
use axum::extract::FromRef;
use platform::auth::Auth;
use platform::serve::{Class, body_limit, rate_class, time_limit};
use platform::{All as _, Resources, Router, readiness, routes};

use sweep::Sweep;

/// The largest body of a route of people or tokens.
const MAX_BODY: usize = 64 * 1024;

pub fn app(resources: &Resources) -> anyhow::Result<Router> {
    let (pool, store, administration, audit, sign_in) = (
        resources.postgres(),
        resources.store(),
        administration(resources),
        audit(resources),
        sign_in::routes(resources),
    )
        .all()?;
    let readiness = resources.readiness();
    readiness.check("database", readiness::database(pool, migrations::FILES));
    readiness.check("bucket", readiness::bucket(store, "audit/readiness"));
    Ok(administration.merge(audit).merge(sign_in))
}

/// The routes of the audit log, and the sweep that continues its chain.
fn audit(resources: &Resources) -> anyhow::Result<Router> {
    let (people, export, chain, sweep) = (
        People::open(resources),
        audit::Export::open(resources),
        AuditChain::open(resources),
        Sweep::open(resources),
    )
        .all()?;
    let listed = Router::new()
        .routes(routes!(audit::list))
        .with_state(people);
    let exported = Router::new()
        .routes(routes!(audit::export))
        .with_state(export);
    let verified = Router::new()
        .routes(routes!(audit::verify))
        .with_state(chain);
    let swept = Router::new()
        .routes(routes!(sweep::trigger))
        .layer(time_limit(sweep::LONGEST_SWEEP))
        .with_state(sweep);
    Ok(listed
        .merge(exported)
        .merge(verified)
        .layer(rate_class(Class::Administration))
        .merge(swept))
}

/// What the routes of people and tokens need.
#[derive(Clone)]
struct Administration {
    people: People,
    /// None if no caller can authenticate, which stops the service.
    auth: Option<Auth>,
}

impl FromRef<Administration> for People {
    fn from_ref(state: &Administration) -> Self {
        state.people.clone()
    }
}

impl FromRef<Administration> for Option<Auth> {
    fn from_ref(state: &Administration) -> Self {
        state.auth.clone()
    }
}

/// The routes of people and tokens.
fn administration(resources: &Resources) -> anyhow::Result<Router> {
    Ok(Router::new()
        .routes(routes!(people::list, people::invite))
        .routes(routes!(people::read, people::change, people::erase))
        .routes(routes!(people::end_sign_ins))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::read, tokens::revoke))
        .layer(body_limit(MAX_BODY))
        .layer(rate_class(Class::Administration))
        .with_state(Administration {
            people: People::open(resources)?,
            auth: resources.auth().ok(),
        }))
}
