//! A check of every reply in every test: its status must be in the OpenAPI document of the app.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use http::{Method, StatusCode};
use platform::serve;
use platform::{Resources, Router};
use serde_json::Value;

/// The statuses of each route and method, read from the document when the first request needs them.
#[derive(Clone)]
pub(crate) struct Documented(Arc<LazyLock<Statuses, Box<dyn FnOnce() -> Statuses + Send>>>);

type Statuses = matchit::Router<HashMap<String, HashSet<String>>>;

impl Documented {
    pub(crate) fn of(name: &'static str, app: &Router, resources: &Resources) -> Self {
        let (app, resources) = (app.clone(), resources.clone());
        let read = move || {
            let document = serve::document(name, &app, &resources);
            statuses(&serde_json::to_value(document).expect("a document is JSON"))
        };
        Self(Arc::new(LazyLock::new(Box::new(read))))
    }

    /// Panics if the document has the route and the method, and lacks the status.
    pub(crate) fn check(&self, method: &Method, path: &str, status: StatusCode) {
        // GET serves HEAD.
        let asked = if *method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        let Ok(route) = self.0.at(path) else {
            return;
        };
        if let Some(statuses) = route.value.get(asked.as_str()) {
            assert!(
                statuses.contains(status.as_str()),
                "{method} {path} returned {status}, which its OpenAPI document lacks: add it to `responses`"
            );
        }
    }
}

fn statuses(document: &Value) -> Statuses {
    let object = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let mut routes = Statuses::new();
    for (path, operations) in object(&document["paths"]) {
        let operations = object(&operations).into_iter().map(|(method, operation)| {
            let statuses = object(&operation["responses"]).into_iter();
            let statuses = statuses.map(|(status, _)| status).collect();
            (method.to_uppercase(), statuses)
        });
        let inserted = routes.insert(path, operations.collect());
        inserted.expect("axum routes the same paths");
    }
    routes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    #[should_panic(expected = "returned 409 Conflict, which its OpenAPI document lacks")]
    fn a_reply_with_a_status_that_the_document_lacks_fails_the_test() {
        let document = json!({"paths": {"/v1/orders/{id}": {"put": {"responses": {"200": {}}}}}});
        let read: Box<dyn FnOnce() -> Statuses + Send> = Box::new(move || statuses(&document));
        let documented = Documented(Arc::new(LazyLock::new(read)));
        documented.check(&Method::PUT, "/v1/orders/7", StatusCode::OK);
        documented.check(&Method::GET, "/v1/orders/7", StatusCode::CONFLICT);
        documented.check(&Method::PUT, "/v1/orders/7", StatusCode::CONFLICT);
    }
}
