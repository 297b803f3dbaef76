//! The address of a client.

use axum::routing::get;
use kit::TestApp;
use platform::serve::ClientAddress;
use platform::{Env, Resources, Router};
use serde_json::{Value, json};

fn probe(_: &Resources) -> anyhow::Result<Router> {
    let address = async |ClientAddress(address): ClientAddress| match address {
        Some(address) => address.to_string(),
        None => "unknown".to_owned(),
    };
    let app = Router::new().route("/v1/address", get(address));
    Ok(app.route("/events/test", axum::routing::post(address)))
}

async fn over_http(hops: Option<&str>) -> String {
    let mut app = TestApp::with_env(Env::default());
    if let Some(hops) = hops {
        app = app.set("FORWARDED_HOPS", hops);
    }
    let app = app.start(probe).await;
    let server = app.serve().await;
    let request = app.resources().http().unwrap();
    let request = request.get(format!("{}/v1/address", server.url));
    let request = request.header("x-forwarded-for", "6.6.6.6, 192.0.2.1");
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_server_believes_only_as_many_proxies_as_it_has() {
    assert_eq!(over_http(None).await, "127.0.0.1");
    assert_eq!(over_http(Some("1")).await, "192.0.2.1");
    assert_eq!(over_http(Some("3")).await, "127.0.0.1");
}

#[tokio::test]
async fn on_lambda_the_gateway_names_the_address() {
    let forged = json!({"host": "localhost", "x-forwarded-for": "6.6.6.6, 192.0.2.9"});
    let http = json!({"method": "GET", "sourceIp": "192.0.2.1"});
    let rest = json!({"sourceIp": "2001:db8::1"});
    let (path, none) = ("/v1/address", Value::Null);
    for (event, expected) in [
        (
            json!({"rawPath": path, "headers": forged, "requestContext": {"http": http}}),
            "192.0.2.1",
        ),
        (
            json!({"path": path, "httpMethod": "GET", "headers": forged, "requestContext": {"identity": rest}}),
            "2001:db8::1",
        ),
        (
            json!({"path": path, "httpMethod": "GET", "headers": forged, "requestContext": {"elb": {}}}),
            "192.0.2.9",
        ),
        (
            json!({"path": path, "httpMethod": "GET", "headers": forged, "requestContext": {"identity": none}}),
            "unknown",
        ),
    ] {
        let app = TestApp::without_database(probe).await;
        let result = app.invoke(&event).await.unwrap();
        let result: Value = serde_json::from_str(result.get()).unwrap();
        assert_eq!(result["body"], expected, "{event}");
    }
    let app = TestApp::without_database(probe).await;
    let triggered = app.invoke(&json!({"x": 1})).await.unwrap();
    assert_eq!(triggered.get(), "\"unknown\"");
}
