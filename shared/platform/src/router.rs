//! Routes, and the OpenAPI document that describes them. The document is created at the first request for it,
//! because creating it takes longer than creating the routes.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, Route};
use tower::{Layer, Service};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

/// The routes of an app: an [`axum::Router`], with the descriptions of its documented routes.
///
/// [`Router::routes`] adds documented routes, by [`routes!`](crate::routes!); [`Router::route`] adds routes
/// that the document leaves out.
#[derive(Clone)]
pub struct Router<S = ()> {
    routes: axum::Router<S>,
    documents: Vec<Document>,
}

/// Adds the description of one route to a document.
type Document = Arc<dyn Fn(OpenApi) -> OpenApi + Send + Sync>;

/// A handler with `#[utoipa::path]`, as [`routes!`](crate::routes!) creates it.
pub struct Documented<S> {
    pub path: String,
    pub handler: MethodRouter<S>,
    pub document: fn() -> UtoipaMethodRouter<S>,
}

/// Lists handlers with `#[utoipa::path]` for [`Router::routes`].
#[macro_export]
macro_rules! routes {
    // Segments of paths, because the inner macro appends to the last one.
    ($($($name:ident)::+),+ $(,)?) => {{
        use $crate::router::utoipa_axum::{PathItemExt as _, routes};
        [$($crate::router::Documented {
            path: routes!(@path [path()] of $($name)::+),
            handler: routes!(@path [methods()] of $($name)::+)
                .iter()
                .fold(axum::routing::MethodRouter::new(), |handler, method| {
                    handler.on(method.to_method_filter(), $($name)::+)
                }),
            document: || routes!($($name)::+),
        }),+]
    }};
}

#[doc(hidden)]
pub use utoipa_axum;

impl<S: Clone + Send + Sync + 'static> Router<S> {
    pub fn new() -> Self {
        axum::Router::new().into()
    }

    pub fn routes<const N: usize>(mut self, handlers: [Documented<S>; N]) -> Self {
        for handler in handlers {
            let document = handler.document;
            self.documents.push(Arc::new(move |openapi| {
                OpenApiRouter::with_openapi(openapi)
                    .routes(document())
                    .into_openapi()
            }));
            self.routes = self.routes.route(&handler.path, handler.handler);
        }
        self
    }

    pub fn route(self, path: &str, handlers: MethodRouter<S>) -> Self {
        self.map(|routes| routes.route(path, handlers))
    }

    pub fn merge(mut self, other: Self) -> Self {
        self.documents.extend(other.documents);
        self.map(|routes| routes.merge(other.routes))
    }

    /// Adds a layer to the existing routes and to the fallback.
    pub fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Response: IntoResponse, Error: Into<Infallible>>
            + Clone
            + Send
            + Sync
            + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.map(|routes| routes.layer(layer))
    }

    /// Adds a layer to the existing routes.
    pub fn route_layer<L>(self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Response: IntoResponse, Error: Into<Infallible>>
            + Clone
            + Send
            + Sync
            + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.map(|routes| routes.route_layer(layer))
    }

    pub fn with_state<T>(self, state: S) -> Router<T> {
        self.map(|routes| routes.with_state(state))
    }

    fn map<T>(self, change: impl FnOnce(axum::Router<S>) -> axum::Router<T>) -> Router<T> {
        Router {
            routes: change(self.routes),
            documents: self.documents,
        }
    }

    /// The routes, and a function that creates their document.
    pub(crate) fn split(self) -> (axum::Router<S>, impl Fn() -> OpenApi + Send + Sync + use<S>) {
        let documents = self.documents;
        let write = move || {
            let empty = OpenApiRouter::<()>::new().into_openapi();
            documents.iter().fold(empty, |openapi, add| add(openapi))
        };
        (self.routes, write)
    }
}

impl<S: Clone + Send + Sync + 'static> Default for Router<S> {
    fn default() -> Self {
        Self::new()
    }
}

/// Drops the descriptions.
impl<S> From<Router<S>> for axum::Router<S> {
    fn from(router: Router<S>) -> Self {
        router.routes
    }
}

/// Routes without descriptions.
impl<S> From<axum::Router<S>> for Router<S> {
    fn from(routes: axum::Router<S>) -> Self {
        Self {
            routes,
            documents: Vec::new(),
        }
    }
}
