//! Small pages without scripts, in which every text is escaped.

use std::fmt::Write as _;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use platform::Error;
use platform::serve::ErrorPage;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// What every response to a browser has: nothing is cached, framed or loaded.
pub const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
];

/// A page with this title and body, which is HTML.
pub fn page(title: &str, body: &str) -> Response {
    let title = escaped(title);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
    );
    ([(header::CONTENT_TYPE, HTML)], html).into_response()
}

/// An error for a person in a browser, with a link to try again.
pub struct Failure {
    pub error: Error,
    /// Where the person goes after signing in.
    pub return_to: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            return_to: "/".to_owned(),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let text = match &self.error {
            Error::Internal(_) => "Something went wrong. The log has the cause.".to_owned(),
            other => other.to_string(),
        };
        let mut again = url::form_urlencoded::Serializer::new(String::new());
        again.append_pair("return_to", &self.return_to);
        // The issuer would send the same person back, who was refused.
        if let Error::Forbidden(_) = self.error {
            again.append_pair("account", "other");
        }
        let again = again.finish();
        let body = format!(
            "<p role=\"alert\">{}</p>\n<p><a href=\"/auth/sign-in?{}\">Sign in again</a></p>\n",
            escaped(&text),
            escaped(&again),
        );
        // The response of the error logs its cause, and has the status and the headers.
        let (mut parts, _) = self.error.into_response().into_parts();
        let title = match parts.status {
            StatusCode::SERVICE_UNAVAILABLE => "Sign-in is not available",
            _ => "You are not signed in",
        };
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.insert(header::CONTENT_TYPE, HTML);
        parts.extensions.insert(ErrorPage);
        let body = page(title, &body).into_body();
        Response::from_parts(parts, body)
    }
}

/// The text with the characters escaped that mean something in HTML.
pub fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' | '<' | '>' | '"' | '\'' => {
                let _ = write!(html, "&#{};", u32::from(character));
            }
            plain => html.push(plain),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_html() {
        assert_eq!(
            escaped("<a href=\"x\" id='y'>&amp;</a> 가"),
            "&#60;a href=&#34;x&#34; id=&#39;y&#39;&#62;&#38;amp;&#60;/a&#62; 가"
        );
    }
}
