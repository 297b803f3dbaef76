//! The OpenAPI document of a function, with the responses of the service, which no handler has to declare.

use utoipa::PartialSchema as _;
use utoipa::ToSchema as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ComponentsBuilder, ContentBuilder, OpenApi, PathItem, Ref, RefOr, Response};

use crate::error::{PROBLEM, Problem};

/// Responses to any request, unless its route describes them.
const ANY: [(&str, &str); 5] = [
    ("400", "the request is not valid; the detail has the reason"),
    ("401", "there are no valid credentials"),
    (
        "403",
        "the caller lacks the role or the scope, or the function is open to local callers only",
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

pub(super) fn documented(name: &str, mut openapi: OpenApi, has_signed: bool) -> OpenApi {
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
    if has_signed {
        let description = "a signature of the body; the route describes it";
        let header = ApiKeyValue::with_description("x-slack-signature", description);
        let signature = SecurityScheme::ApiKey(ApiKey::Header(header));
        components.add_security_scheme("signature", signature);
    }
    let problem = (Problem::name().into_owned(), Problem::schema());
    components.schemas.extend([problem]);
    openapi.security = Some(vec![SecurityRequirement::new("bearer", [""; 0])]);
    for path in openapi.paths.paths.values_mut() {
        operations(path).for_each(add_problems);
    }
    openapi
}

fn operations(path: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem {
        get,
        put,
        post,
        delete,
        patch,
        ..
    } = path;
    [get, put, post, delete, patch].into_iter().flatten()
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
            && response.content.is_empty()
        {
            let problem = Ref::from_schema_name(Problem::name());
            let problem = ContentBuilder::new().schema(Some(problem)).build();
            response.content.insert(PROBLEM.to_owned(), problem.into());
        }
    }
}
