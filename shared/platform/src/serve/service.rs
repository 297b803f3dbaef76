//! The service in front of every app: it authenticates the caller, limits time and size, and logs one line
//! per request.

use std::borrow::Cow;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, Version, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use utoipa::openapi::OpenApi;

use super::address::ClientAddress;
use super::arrival::Room;
use super::document::documented;
use super::errors::as_problem;
use super::ingress::{Access, Ingress, Proof};
use super::limits::{Deadline, body_limit};
use super::person::{renew, to_sign_in, wants_page};
use super::rate::{Class, Metered};
use super::settings::Settings;
use crate::auth::{Auth, CallerKind, SignedIn};
use crate::error::{INTERNAL, problem};
use crate::postgres::wait_limit;
use crate::readiness::Status;
use crate::secrets::Refresh;
use crate::telemetry::{self, RequestContext, Unit, metric};
use crate::{All as _, Caller, Error, Json, Query, Resources, Router};

const HEALTH: &str = "/healthz";
const READY: &str = "/readyz";
/// The routes without authentication, which probes ask every few seconds.
const PROBES: [&str; 2] = [HEALTH, READY];
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Marks a request that arrived over a connection of this process. Others come from Lambda or from within.
#[derive(Clone, Copy)]
pub(super) struct OverConnection {
    pub(super) peer: IpAddr,
}

/// An invocation by Lambda. Only the Lambda envelope adds it to a request.
#[derive(Clone)]
pub(super) struct Invocation {
    pub(super) request_id: String,
    pub(super) deadline: Option<Instant>,
    /// The caller of a trigger, which IAM has authenticated.
    pub(super) caller: Option<Caller>,
    /// The client of a gateway.
    pub(super) client: ClientAddress,
}

struct Service {
    auth: Auth,
    secrets: Refresh,
    settings: Settings,
    ingress: Ingress,
    room: Room,
}

/// Adds what every function has in common to an app: `GET /healthz` and `GET /readyz` without
/// authentication, `GET /openapi.json`, authentication, limits on size and time, and RFC 9457 problems for errors.
///
/// # Errors
/// If the configuration has no `AUTH_*` variable, or an invalid value.
pub fn service(
    name: &'static str,
    app: Router,
    resources: &Resources,
) -> anyhow::Result<axum::Router> {
    let (auth, settings) = (resources.auth(), Settings::read(resources)).all()?;
    Ok(with(name, app, resources, auth, settings))
}

/// The service of an app, with a configuration that is read already.
pub(super) fn with(
    name: &'static str,
    app: Router,
    resources: &Resources,
    auth: Auth,
    settings: Settings,
) -> axum::Router {
    let (limit, cors) = (settings.limits.body(), settings.cors.clone());
    let service = Arc::new(Service {
        auth,
        secrets: resources.refresh().clone(),
        settings,
        ingress: resources.ingress().clone(),
        room: Room::default(),
    });
    let (routes, write) = app.split();
    let shared = resources.clone();
    let ingress = resources.ingress().clone();
    let openapi = LazyLock::new(move || documented(name, write(), &ingress));
    let openapi = Arc::new(openapi);
    let openapi = move || async move { Json(&**openapi).into_response() };
    let routes = routes
        .route("/openapi.json", get(openapi))
        .route(HEALTH, get(async || Json(json!({"status": "ok"}))))
        .route(READY, get(move |query| ready(shared.clone(), query)))
        .layer(body_limit(limit.0))
        .layer(from_fn_with_state(service, respond));
    match cors {
        Some(cors) => routes.layer(cors),
        None => routes,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadyParams {
    /// Names of checks, separated by commas.
    exclude: Option<String>,
}

/// `GET /readyz`: whether the function can do its work. The status is 503 if a check fails that is not
/// excluded.
async fn ready(
    resources: Resources,
    Query(params): Query<ReadyParams>,
) -> Result<impl IntoResponse, Error> {
    let report = resources.readiness().report(resources.clock()).await;
    let names: Vec<&str> = report.checks.iter().map(|check| check.name).collect();
    let excluded = params.exclude.unwrap_or_default();
    let excluded: Vec<&str> = excluded.split(',').filter(|it| !it.is_empty()).collect();
    let report = report.without(&excluded).map_err(|_| {
        Error::Invalid(format!(
            "exclude names a check that this function doesn't have: use {}",
            names.join(", ")
        ))
    })?;
    let status = match report.status {
        Status::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Status::Ok | Status::Off => StatusCode::OK,
    };
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok((status, headers, Json(report)))
}

/// The OpenAPI document that the service of an app serves at `GET /openapi.json`.
pub fn document(name: &str, app: &Router, resources: &Resources) -> OpenApi {
    let (_, write) = app.clone().split();
    documented(name, write(), resources.ingress())
}

async fn respond(
    State(service): State<Arc<Service>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let invocation = request.extensions_mut().remove::<Invocation>();
    let invocation = invocation.as_ref();
    let context = Arc::new(RequestContext::new(
        request.headers(),
        invocation.map(|invocation| invocation.request_id.as_str()),
    ));
    let limits = service.settings.limits;
    let deadline = limits.deadline(invocation.and_then(|invocation| invocation.deadline));
    request.extensions_mut().insert(deadline.clone());
    let method = request.method().clone();
    // Logs have the route, never the path or the query, which contain ids and people's questions.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("no route", MatchedPath::as_str);

    let id = HeaderValue::from_str(&context.id);
    telemetry::within(context, wait_limit::per_request(async {
        let mut caller = None;
        let work = service.work(request, next, invocation, &mut caller);
        let response = bounded(work, &deadline).await;
        // A report with status 503 is an answer.
        let mut response = if route == READY {
            response
        } else {
            as_problem(response).await
        };
        if let Ok(id) = id {
            response.headers_mut().insert(REQUEST_ID, id);
        }

        let status = response.status();
        if [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status) {
            metric("refused_requests", Unit::Count, 1.0);
        }
        let status = status.as_u16();
        let duration_ms = (started.elapsed().as_secs_f64() * 1e5).round() / 100.0;
        let caller = caller.as_ref().map(loggable);
        let caller = caller.as_deref();
        if PROBES.contains(&route) {
            tracing::debug!(%method, route, status, duration_ms, "{method} {route}: {status}");
        } else {
            tracing::info!(%method, route, status, duration_ms, caller, "{method} {route}: {status}");
        }
        response
    }))
    .await
}

/// Refuses a request without a host, or with two, as RFC 9112 requires: whoever checks one of them must not
/// be followed by whoever uses the other. HTTP/1.0 and HTTP/2 need no `Host`, but the open mode refuses a
/// request that names no host in any way: a proxy on this machine may have dropped the name of a web page.
fn one_host(request: &Request, is_open: bool) -> Result<(), Error> {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let is_required =
        request.version() == Version::HTTP_11 || is_open && request.uri().authority().is_none();
    let is_missing =
        hosts == 0 && is_required && request.extensions().get::<OverConnection>().is_some();
    if hosts > 1 || is_missing {
        return Err(Error::Invalid("send one `Host` header".to_owned()));
    }
    Ok(())
}

/// The name of a caller for the log. Some issuers name people by their email address, which is hashed. That of a
/// trigger is a service account.
fn loggable(caller: &Caller) -> Cow<'_, str> {
    let name = &*caller.name;
    if !name.contains('@') || caller.kind == CallerKind::Trigger {
        return name.into();
    }
    let digest = Sha256::digest(name);
    format!("sha256:{}", hex::encode(&digest[..8])).into()
}

/// The response of `work`, or a problem if it panics or misses the deadline.
async fn bounded(work: impl Future<Output = Response>, deadline: &Deadline) -> Response {
    tokio::select! {
        biased;
        response = AssertUnwindSafe(work).catch_unwind() => response.unwrap_or_else(|_| {
            // The panic hook has logged the panic.
            problem(StatusCode::INTERNAL_SERVER_ERROR, INTERNAL)
        }),
        () = deadline.passed() => Error::Unavailable {
            detail: "the response took too long and was cancelled".to_owned(),
            cause: None,
        }
        .into_response(),
    }
}

impl Service {
    /// Authenticates the caller, sets `caller` to it, and calls the app.
    async fn work(
        &self,
        mut request: Request,
        next: Next,
        invocation: Option<&Invocation>,
        caller: &mut Option<Caller>,
    ) -> Response {
        if let Err(error) = one_host(&request, self.auth.is_open()) {
            return error.into_response();
        }
        // A probe needs no secret, and an outage of the secret manager must not make it late.
        if !PROBES.contains(&request.uri().path()) {
            self.secrets.before_request().await;
        }
        let client = self.client(&request, invocation);
        request.extensions_mut().insert(client);
        let (mut request, signed_in) = match self.authenticated(request, invocation).await {
            Ok(authenticated) => authenticated,
            Err(refusal) => return refusal,
        };
        let mut renewed = None;
        if let Some(signed_in) = signed_in {
            *caller = Some(signed_in.caller.clone());
            request.extensions_mut().insert(signed_in.caller);
            renewed = signed_in.renewed;
        }
        let address = request.uri().path_and_query();
        if address.is_some_and(|address| address.as_str().contains("%00")) {
            // Postgres can't store NUL in a text; its error would become a 500.
            return Error::Invalid("the address contains a NUL character, `%00`".to_owned())
                .into_response();
        }
        let (parts, body) = request.into_parts();
        let (body, arrival) = match caller {
            Some(_) => self.room.for_caller(body),
            None => self.room.for_anybody(body),
        };
        let class = Class::of(&parts.method);
        let metered = parts.extensions.get::<Metered>().cloned();
        let response = next.run(Request::from_parts(parts, body));
        let response = match metered {
            Some(metered) => metered.run(class, response).await,
            None => response.await,
        };
        let mut response = arrival.refusal().unwrap_or(response);
        if let Some(renewed) = renewed {
            renew(&mut response, renewed);
        }
        response
    }

    fn client(&self, request: &Request, invocation: Option<&Invocation>) -> ClientAddress {
        if let Some(invocation) = invocation {
            return invocation.client;
        }
        let over = request.extensions().get::<OverConnection>();
        let peer = over.map(|over| over.peer);
        self.settings.hops.client(request.headers(), peer)
    }

    /// The request, and its caller if its route needs one, or the refusal.
    async fn authenticated(
        &self,
        mut request: Request,
        invocation: Option<&Invocation>,
    ) -> Result<(Request, Option<SignedIn>), Response> {
        if let Some(caller) = invocation.and_then(|invocation| invocation.caller.clone()) {
            return Ok((request, Some(caller.into())));
        }
        let route = request.extensions().get::<MatchedPath>();
        let access = match route {
            Some(route) if PROBES.contains(&route.as_str()) => return Ok((request, None)),
            Some(route) => self.ingress.access(request.method(), route.as_str()),
            None => Access::Token,
        };
        // Borrows parts of the request, because its body is not `Sync`.
        let (method, headers, target) = (request.method(), request.headers(), request.uri());
        let caller = match access {
            Access::Signed(proof) => {
                let (caller, whole) = self.signed(request, &proof).await?;
                return Ok((whole, Some(caller.into())));
            }
            Access::Linked(proof) => {
                let caller = proof(target).map_err(Error::into_response)?;
                return Ok((request, Some(caller.into())));
            }
            Access::Anybody => self
                .auth
                .check_anybody(method, headers, target)
                .map(|()| None),
            Access::Token => self.caller(headers, target).await.map(|it| Some(it.into())),
            Access::Cookie => match self.auth.authenticate_person(method, headers, target).await {
                Ok(None) if wants_page(method, headers) => return Err(to_sign_in(target)),
                Ok(None) => Err(Error::Unauthenticated(
                    "sign in, or send `Authorization: Bearer <token>`".to_owned(),
                )),
                person => person,
            },
        };
        let caller = caller.map_err(Error::into_response)?;
        if let Some(signed_in) = &caller
            && self.is_metered(&request)
        {
            let metered = self.settings.rates.clone().of(&signed_in.caller);
            request.extensions_mut().insert(metered);
        }
        Ok((request, caller))
    }

    /// Whether the rate of a caller's requests is limited. A trigger must not be late, and the open mode has one caller.
    fn is_metered(&self, request: &Request) -> bool {
        !self.auth.is_open() && !request.uri().path().starts_with("/events/")
    }

    /// The caller who signed the request, and the request with its body restored.
    async fn signed(&self, request: Request, proof: &Proof) -> Result<(Caller, Request), Response> {
        let (parts, body) = request.into_parts();
        (proof.may_be_signed)(&parts.headers).map_err(Error::into_response)?;
        let (body, arrival) = self.room.for_anybody(body);
        let limit = self.settings.limits.body();
        let body = Limited::new(body, limit.0).collect().await;
        let body = body.map_err(|error| {
            let error = if error.is::<LengthLimitError>() {
                limit.exceeded()
            } else {
                Error::Invalid("the body is incomplete".to_owned())
            };
            arrival.refusal().unwrap_or_else(|| error.into_response())
        })?;
        let body = body.to_bytes();
        let caller = (proof.signer)(&parts.headers, &body).map_err(Error::into_response)?;
        Ok((caller, Request::from_parts(parts, Body::from(body))))
    }

    async fn caller(&self, headers: &HeaderMap, target: &Uri) -> Result<Caller, Error> {
        let caller = self.auth.authenticate(headers, target).await?;
        caller.ok_or_else(Error::no_caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Role;

    #[test]
    fn the_log_has_the_names_of_services_and_hashes_of_email_addresses() {
        let service = |name: &str| Caller::service(name.into(), Role::Reader, Arc::default());
        for plain in ["slack-bot", "108234", "trigger:bot"] {
            assert_eq!(loggable(&service(plain)), plain);
        }
        let trigger = Caller::trigger("jobs@project.iam.gserviceaccount.com");
        assert_eq!(loggable(&trigger), &*trigger.name);
        // An issuer may give any name, also one that looks like a trigger's.
        for name in ["kim@example.com", "trigger:kim@example.com"] {
            let hidden = loggable(&service(name)).into_owned();
            assert!(hidden.starts_with("sha256:") && !hidden.contains("kim"));
            assert_eq!(hidden, loggable(&service(name)));
        }
    }
}
