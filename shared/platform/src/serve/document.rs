//! The OpenAPI document of a function, with the responses of the service, which no handler has to declare.

use http::Method;
use utoipa::PartialSchema as _;
use utoipa::ToSchema as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ComponentsBuilder, ContentBuilder, OpenApi, PathItem, Ref, RefOr, Response};

use super::ingress::{Access, Ingress};
use crate::auth::COOKIE;
use crate::error::{PROBLEM, Problem};

/// Responses to any request, unless its route describes them.
const ANY: [(&str, &str); 6] = [
    ("400", "the request is not valid; the detail has the reason"),
    ("401", "there are no valid credentials"),
    (
        "403",
        "the caller lacks the role or the scope, or the function is open to local callers only",
    ),
    (
        "429",
        "the caller sends too many requests; `Retry-After` says when to send the next",
    ),
    (
        "500",
        "internal error; the log has the cause under the request id",
    ),
    (
        "503",
        "a dependency is unavailable or too slow; try again later",
    ),
];
/// Responses to any request with a body.
const WITH_BODY: [(&str, &str); 3] = [
    ("408", "the body arrives too slowly"),
    ("413", "the body is larger than this route accepts"),
    ("415", "the body is not JSON"),
];

pub(super) fn documented(name: &str, mut openapi: OpenApi, ingress: &Ingress) -> OpenApi {
    name.clone_into(&mut openapi.info.title);
    env!("CARGO_PKG_VERSION").clone_into(&mut openapi.info.version);
    // What the library fills in is about itself.
    openapi.info.license = None;
    openapi.info.description = None;
    openapi.info.contact = None;
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("a service token, or an OIDC token"))
        .build();
    let components = openapi
        .components
        .get_or_insert_with(|| ComponentsBuilder::new().build());
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    if ingress.has_signed() {
        let description = "a signature of the body; the route describes it";
        let header = ApiKeyValue::with_description("x-slack-signature", description);
        let signature = SecurityScheme::ApiKey(ApiKey::Header(header));
        components.add_security_scheme("signature", signature);
    }
    if ingress.has_cookies() {
        let description = "the cookie of a person who is signed in; a change needs `Sec-Fetch-Site: same-origin` or the `Origin` of the service";
        let cookie = ApiKeyValue::with_description(COOKIE, description);
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(cookie));
        components.add_security_scheme("cookie", cookie);
    }
    let problem = (Problem::name().into_owned(), Problem::schema());
    components.schemas.extend([problem]);
    openapi.security = Some(vec![requirement("bearer")]);
    for (route, path) in &mut openapi.paths.paths {
        for (method, operation) in operations(path) {
            add_problems(operation);
            add_access(operation, &method, &ingress.access(&method, route));
        }
    }
    openapi
}

fn requirement(scheme: &str) -> SecurityRequirement {
    SecurityRequirement::new(scheme, [""; 0])
}

/// Declares the credentials of routes that accept more than a token, or need none.
fn add_access(operation: &mut Operation, method: &Method, access: &Access) {
    match access {
        Access::Cookie => {
            operation.security = Some(vec![requirement("bearer"), requirement("cookie")]);
            if *method == Method::GET {
                let description = "a page without a caller redirects to sign-in";
                let responses = &mut operation.responses.responses;
                responses
                    .entry("303".to_owned())
                    .or_insert_with(|| RefOr::T(Response::new(description)));
            }
        }
        Access::Anybody => operation.security = Some(Vec::new()),
        // Routes with signatures describe them.
        Access::Signed(_) | Access::Linked(_) | Access::Token => {}
    }
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let PathItem {
        get,
        put,
        post,
        delete,
        patch,
        ..
    } = path;
    [
        (Method::GET, get),
        (Method::PUT, put),
        (Method::POST, post),
        (Method::DELETE, delete),
        (Method::PATCH, patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Declares the responses of the service, and the body of every error.
fn add_problems(operation: &mut Operation) {
    let body = operation.request_body.iter().flat_map(|_| WITH_BODY);
    let responses = &mut operation.responses.responses;
    for (status, description) in ANY.into_iter().chain(body) {
        responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(Response::new(description)));
    }
    let errors = responses
        .iter_mut()
        .filter(|(status, _)| status.starts_with(['4', '5']));
    for (_, response) in errors {
        if let RefOr::T(response) = response
            && !response.content.contains_key(PROBLEM)
        {
            let problem = Ref::from_schema_name(Problem::name());
            let problem = ContentBuilder::new().schema(Some(problem)).build();
            response.content.insert(PROBLEM.to_owned(), problem.into());
        }
    }
}
