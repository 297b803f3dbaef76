//! A deployment on Google Cloud.

use serde_json::{Value, json};

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
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_MONITORING", url),
            ("CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN", url),
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
        (
            RIGHTS,
            200,
            json!({"permissions": ["resourcemanager.projects.get"]}),
        ),
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
        !all.contains("iam.googleapis.com ") && !all.contains("--role roles/browser"),
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

#[test]
fn an_alarm_on_google_cloud_without_a_receiver_that_is_on_fails() {
    let channel = "projects/shop/notificationChannels/1";
    let policy = |channels: &[&str], enabled: bool| {
        json!({"name": "projects/shop/alertPolicies/2", "displayName": "metasync: a scheduled run failed",
               "notificationChannels": channels, "enabled": enabled})
    };
    let with = |policy: Value, channels: Value| {
        let channels = json!({ "notificationChannels": channels });
        let policies = json!({ "alertPolicies": [policy] });
        let answers = [
            ("/v1/projects/shop/services:batchGet", 200, json!({})),
            ("/v1/projects/shop:testIamPermissions", 200, json!({})),
            ("/v1/projects/shop/secrets", 200, json!({})),
            ("/v3/projects/shop/alertPolicies", 200, policies),
            ("/v3/projects/shop/notificationChannels", 200, channels),
        ];
        on_gcp(&cloud(&answers, "")).1
    };
    let on = json!([{"name": channel, "enabled": true, "verificationStatus": "VERIFIED"}]);
    for (policy, channels, expected) in [
        (
            policy(&[], true),
            json!([]),
            "has no receiver | terraform -chdir=infra/gcp apply -var 'alarm_emails",
        ),
        (
            policy(&[channel], false),
            on.clone(),
            "policies update projects/shop/alertPolicies/2 --enabled",
        ),
        (
            policy(&[channel], true),
            json!([{"name": channel, "enabled": false}]),
            "channels update projects/shop/notificationChannels/1 --enabled",
        ),
        (
            policy(&[channel], true),
            json!([{"name": channel, "enabled": true, "verificationStatus": "UNVERIFIED"}]),
            "/v3/projects/shop/notificationChannels/1:sendVerificationCode",
        ),
        (
            policy(&[channel], true),
            json!([]),
            "notificationChannels/1 doesn't exist | terraform",
        ),
    ] {
        assert_fails(&with(policy, channels), &[("alarms", expected)]);
    }
    let checks = with(policy(&[channel], true), on);
    let alarms = checks.iter().find(|(name, ..)| name == "alarms");
    assert_eq!(alarms.expect("the check").1, "fine", "{alarms:?}");
}
