//! The OpenAPI document that the service serves.

use axum::response::Html;
use http::{Method, StatusCode};
use kit::TestApp;
use platform::{Json, Resources, Router, routes};
use serde_json::{Value, json};

#[tokio::test]
async fn the_openapi_document_has_the_name_of_the_function() {
    let app = TestApp::with_env(platform::Env::default())
        .named("probe")
        .start(|_| Ok(Router::new()))
        .await;

    let document = app.get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["title"], "probe");
    assert_eq!(document["security"], json!([{"bearer": []}]));
    assert_eq!(
        document["components"]["securitySchemes"]["bearer"]["scheme"],
        "bearer"
    );
}

#[tokio::test]
async fn the_responses_of_the_service_are_documented_on_every_route() {
    #[utoipa::path(post, path = "/v1/orders", request_body = String, responses(
        (status = 201, description = "stored"),
        (status = 503, description = "the warehouse is closed"),
    ))]
    async fn order(_: Json<String>) -> StatusCode {
        StatusCode::CREATED
    }
    let orders = |_: &Resources| Ok(Router::new().routes(platform::routes!(order)));
    let app = TestApp::without_database(orders).await;
    let document = app.get("/openapi.json").await.json();
    let responses = &document["paths"]["/v1/orders"]["post"]["responses"];
    let statuses: Vec<_> = responses.as_object().expect("responses").keys().collect();
    let of_service = [
        "400", "401", "403", "408", "413", "415", "429", "500", "503",
    ];
    assert_eq!(statuses[0], "201");
    assert_eq!(statuses[1..], of_service);
    assert_eq!(responses["503"]["description"], "the warehouse is closed");
    assert_eq!(responses["201"]["content"], json!(null));
    let problem = json!({"$ref": "#/components/schemas/ProblemDetails"});
    for status in &statuses[1..] {
        let content = &responses[status.as_str()]["content"];
        let schema = &content["application/problem+json"]["schema"];
        assert_eq!(*schema, problem, "{status}");
    }
    let known = &document["components"]["schemas"]["ProblemDetails"]["properties"];
    let refused = app.get("/v1/nothing").await.json();
    for field in refused.as_object().expect("a problem").keys() {
        assert!(known[field].is_object(), "{field}");
    }
}

#[utoipa::path(get, path = "/", responses((status = 200, description = "a page")))]
async fn page() -> Html<&'static str> {
    Html("<h1>MetaSync</h1>")
}

#[utoipa::path(post, path = "/api/things/{id}", responses((status = 200, description = "done")))]
async fn change() {}

#[utoipa::path(get, path = "/auth/sign-in", responses((status = 303, description = "to the issuer")))]
async fn sign_in() -> StatusCode {
    StatusCode::SEE_OTHER
}

#[utoipa::path(get, path = "/v1/things", responses((status = 200, description = "the things")))]
async fn things() {}

async fn document(declare: impl FnOnce(&Resources)) -> Value {
    let app = |resources: &Resources| {
        declare(resources);
        Ok(Router::new().routes(routes!(page, change, sign_in, things)))
    };
    let app = TestApp::without_database(app).await;
    app.get("/openapi.json").await.json()
}

#[tokio::test]
async fn the_document_says_which_routes_accept_a_cookie_and_which_need_no_caller() {
    let document = document(|resources| {
        let ingress = resources.ingress();
        ingress.accept_cookies("/");
        ingress.accept_cookies("/api/things/{id}");
        ingress.accept_anybody(Method::GET, "/auth/sign-in");
    });
    let document = document.await;
    let scheme = &document["components"]["securitySchemes"]["cookie"];
    let expected = ["apiKey", "cookie", "__Host-metasync"];
    assert_eq!(["type", "in", "name"].map(|field| &scheme[field]), expected);

    let paths = &document["paths"];
    let either = json!([{"bearer": []}, {"cookie": []}]);
    assert_eq!(paths["/"]["get"]["security"], either);
    assert_eq!(paths["/api/things/{id}"]["post"]["security"], either);
    assert_eq!(paths["/auth/sign-in"]["get"]["security"], json!([]));
    assert_eq!(paths["/v1/things"]["get"]["security"], json!(null));
    assert!(paths["/"]["get"]["responses"]["303"].is_object());
    assert!(paths["/api/things/{id}"]["post"]["responses"]["303"].is_null());
}

#[tokio::test]
async fn a_function_without_such_routes_declares_no_cookie() {
    let document = document(|_| {}).await;
    let schemes = &document["components"]["securitySchemes"];
    assert!(schemes["cookie"].is_null(), "{schemes}");
    assert!(document["paths"]["/"]["get"]["responses"]["303"].is_null());
}
