//! `GET /`: who is signed in.

use axum::extract::State;
use axum::response::Response;
use platform::auth::Scope;
use platform::{Caller, Result};

use super::SignIn;
use super::page::{escaped, page};

/// See who is signed in
#[utoipa::path(
    get,
    path = "/",
    tag = "sign-in",
    operation_id = "home",
    responses(
        (status = 200, description = "a page", body = String, content_type = "text/html"),
        (status = 303, description = "nobody is signed in: to `/auth/sign-in`, if the request accepts HTML"),
        (status = 503, description = "the database is not available"),
    )
)]
pub async fn home(State(sign_in): State<SignIn>, caller: Caller) -> Result<Response> {
    let role = caller.role.to_string();
    let Some(id) = caller.person() else {
        let rows = [("Service", caller.name.as_ref()), ("Role", &role)];
        return Ok(page("MetaSync", &list(&rows)));
    };
    let person = sign_in.people.person(&Scope::all(), id).await?;
    let mut rows = vec![("Name", person.name.as_deref().unwrap_or("no name"))];
    rows.extend(person.email.as_deref().map(|email| ("Address", email)));
    rows.push(("Role", &role));
    let mut body = list(&rows);
    if sign_in.is_open {
        body.push_str(
            "<p>Everybody on this machine is this person, because of AUTH_MODE=open.</p>\n",
        );
    } else {
        body.push_str(
            "<form method=\"post\" action=\"/auth/sign-out\"><button>Sign out</button></form>\n",
        );
    }
    Ok(page("MetaSync", &body))
}

fn list(rows: &[(&str, &str)]) -> String {
    let rows = rows
        .iter()
        .map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(value)));
    format!("<dl>\n{}</dl>\n", rows.collect::<String>())
}
