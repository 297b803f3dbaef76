//! Routes, and the OpenAPI document that describes them, which is written when it is first asked for:
//! a start that wrote it would spend more time on it than on the routes.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, Route};
use tower::{Layer, Service};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

/// What an app is: an [`axum::Router`] that knows how its documented routes are described.
///
/// [`routes!`](crate::routes!) names handlers with `#[utoipa::path]`; what [`Router::route`] adds
/// stands in no document.
#[derive(Clone)]
pub struct Router<S = ()> {
    routes: axum::Router<S>,
    documents: Vec<Document>,
}

/// Adds to a document what describes one route.
type Document = Arc<dyn Fn(OpenApi) -> OpenApi + Send + Sync>;

/// A handler with `#[utoipa::path]`; [`routes!`](crate::routes!) makes one of each it names.
pub struct Documented<S> {
    pub path: String,
    pub handler: MethodRouter<S>,
    pub document: fn() -> UtoipaMethodRouter<S>,
}

/// Handlers with `#[utoipa::path]`, for [`Router::routes`].
#[macro_export]
macro_rules! routes {
    // Names apart from each other: the macro inside takes a path to pieces.
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

    /// Around the routes there are so far, and what answers where there is none.
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

    /// Around the routes there are so far.
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

    /// The routes, and what writes their document.
    pub(crate) fn split(self) -> (axum::Router<S>, impl FnOnce() -> OpenApi + Send) {
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

/// The routes alone.
impl<S> From<Router<S>> for axum::Router<S> {
    fn from(router: Router<S>) -> Self {
        router.routes
    }
}

/// Routes that no document describes.
impl<S> From<axum::Router<S>> for Router<S> {
    fn from(routes: axum::Router<S>) -> Self {
        Self {
            routes,
            documents: Vec::new(),
        }
    }
}
