//! A deployment on Google Cloud.

use serde_json::json;

use super::{TOKENS, assert_fails, cloud, doctor};

fn on_gcp(url: &str) -> (bool, Vec<(String, String, String)>) {
    doctor(
        &["--gcp"],
        &[
            ("AUTH_TOKENS", TOKENS),
            ("GOOGLE_CLOUD_PROJECT", "shop"),
            ("CLOUDSDK_AUTH_ACCESS_TOKEN", "token"),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE", url),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER", url),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_SECRETMANAGER", url),
        ],
    )
}

#[test]
fn on_google_cloud_apis_permissions_and_secrets_are_checked() {
    const APIS: &str = "/v1/projects/shop/services:batchGet";
    const RIGHTS: &str = "/v1/projects/shop:testIamPermissions";
    const SECRETS: &str = "/v1/projects/shop/secrets";
    let api = |name: &str, state: &str| json!({"name": format!("projects/1/services/{name}.googleapis.com"), "state": state});
    let services = json!({"services": [api("run", "DISABLED"), api("iam", "ENABLED")]});
    let secrets = json!({"secrets": [{"name": "projects/1/secrets/metasync-AUTH_TOKENS"}, {"name": "projects/1/secrets/other"}]});
    let answers = [
        (APIS, 200, services),
        (RIGHTS, 200, json!({"permissions": ["run.services.create"]})),
        (SECRETS, 200, secrets),
        (
            "/v1/projects/shop/secrets/metasync-AUTH_TOKENS/versions",
            200,
            json!({}),
        ),
    ];
    let (_, checks) = on_gcp(&cloud(&answers, ""));
    assert_fails(
        &checks,
        &[
            (
                "APIs",
                "secretmanager.googleapis.com storage.googleapis.com --project shop",
            ),
            (
                "APIs",
                "| gcloud services enable artifactregistry.googleapis.com",
            ),
            ("rights", "--role roles/cloudscheduler.admin"),
            (
                "secret AUTH_TOKENS",
                "gcloud secrets versions add metasync-AUTH_TOKENS --project shop",
            ),
        ],
    );
    let all: String = checks.iter().map(|(_, _, text)| text.as_str()).collect();
    assert!(
        !all.contains("iam.googleapis.com ") && !all.contains("--role roles/run.admin"),
        "{all}"
    );

    let unused = json!({"error": {"message": "Service Usage API has not been used in project 1 before or it is disabled."}});
    let (_, checks) = on_gcp(&cloud(&[(APIS, 403, unused), (RIGHTS, 401, json!({}))], ""));
    assert_fails(
        &checks,
        &[
            (
                "APIs",
                "gcloud services enable serviceusage.googleapis.com --project shop",
            ),
            ("rights", "gcloud auth application-default login"),
            ("secrets", "gcloud projects list"),
        ],
    );
}
