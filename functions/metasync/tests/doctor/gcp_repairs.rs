//! Every fault of a deployment on Google Cloud that the doctor finds is repaired by the command that it prints.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::google::{Deployment, Google};

const LOCATION: &str = "projects/shop/locations/europe-west3";

/// The commands of the failed checks of this name.
fn commands(checks: &[(String, String, String)], check: &str) -> Vec<String> {
    let named = checks
        .iter()
        .filter(|(name, status, _)| name == check && status != "fine" && status != "skipped");
    let commands = named.map(|(_, _, text)| {
        // A command that stores a value is a pipe itself.
        let stores = text.find(" | : \"$").map(|at| &text[at + 3..]);
        let other = || text.rsplit_once(" | ").map(|(_, command)| command);
        stores.or_else(other).unwrap().to_owned()
    });
    commands.collect()
}

/// Seeds a fault, runs the commands that the doctor prints for this check, and sees it pass.
fn repairs(google: &Google, check: &str, expected: &str, seed: impl FnOnce(&mut Deployment)) {
    seed(&mut google.lock());
    let (is_fine, checks) = google.doctor();
    assert!(!is_fine, "{check}: {expected}");
    let is_named = |(name, status, text): &(String, String, String)| {
        name == check && status == "failed" && text.contains(expected)
    };
    assert!(
        checks.iter().any(is_named),
        "{check}: {expected}: {checks:#?}"
    );
    let key = "07".repeat(32);
    for command in commands(&checks, check) {
        let variables = [
            ("AUTH_TOKENS", super::TOKENS),
            ("DATABASE_URL", "postgres://metasync@db/shop"),
            ("MASKING_KEY", key.as_str()),
            ("WAREHOUSE_URL", "postgres://reader@db/shop"),
        ];
        google.run(&command, &variables);
    }
    let (is_fine, checks) = google.doctor();
    assert!(is_fine, "{check}: {expected}: {checks:#?}");
}

fn resource<'a>(deployment: &'a mut Deployment, path: &str) -> &'a mut Value {
    deployment.resources.get_mut(path).unwrap()
}

#[test]
fn a_deployment_on_google_cloud_as_in_the_catalogue_passes_and_uses_the_quota_of_the_caller() {
    let google = Google::start();
    let (is_fine, checks) = google.doctor();
    assert!(is_fine, "{checks:#?}");
    for check in [
        "rights",
        "secret MASKING_KEY",
        "service schema-sync",
        "configuration message-log",
        "readiness cache-read",
    ] {
        let found = checks.iter().find(|(name, ..)| name == check);
        assert_eq!(found.unwrap().1, "fine", "{checks:#?}");
    }
    let used = google.lock().quota_projects.clone();
    assert_eq!(used, BTreeSet::from(["quota".to_owned()]));
}

#[test]
fn a_difference_from_the_catalogue_on_google_cloud_is_repaired_by_its_command() {
    let google = Google::start();
    let service = format!("/v2/{LOCATION}/services/metasync-message-log");
    let subscription = "/v1/projects/shop/subscriptions/metasync-message-log".to_owned();
    let job = format!("/v1/{LOCATION}/jobs/metasync-message-log-roll-up");
    let configuration = "configuration message-log";
    for (path, pointer, value, expected) in [
        (
            &service,
            "/template/timeout",
            json!("60s"),
            "timeout: 60s, and 30s in the catalogue",
        ),
        (
            &service,
            "/template/maxInstanceRequestConcurrency",
            json!(1),
            "requests per instance: 1, and 80",
        ),
        (
            &service,
            "/template/scaling/maxInstanceCount",
            json!(1),
            "instances: 1, and 20",
        ),
        (
            &service,
            "/template/containers/0/resources/limits/memory",
            json!("256Mi"),
            "memory: 256Mi, and 512Mi",
        ),
        (
            &service,
            "/template/containers/0/command",
            json!(["/settings"]),
            "command: [\"/settings\"]",
        ),
        (
            &service,
            "/template/containers/0/env/0/value",
            json!("other"),
            "GOOGLE_CLOUD_PROJECT: other, and shop",
        ),
        (
            &service,
            "/template/containers/0/env/1/name",
            json!("AUTH_MODE"),
            "AUTH_MODE is set, and the service doesn't read it",
        ),
        (&service, "/customAudiences", json!([]), "audiences: []"),
        (
            &subscription,
            "/state",
            json!("RESOURCE_ERROR"),
            "state of the queue message-log: RESOURCE_ERROR",
        ),
        (
            &subscription,
            "/pushConfig/pushEndpoint",
            json!("https://other"),
            "address of the queue message-log: https://other",
        ),
        (
            &subscription,
            "/pushConfig/oidcToken",
            json!({}),
            "token of the queue message-log: {}",
        ),
        (
            &subscription,
            "/deadLetterPolicy",
            json!({}),
            "the queue message-log keeps no dead letters",
        ),
        (
            &job,
            "/state",
            json!("PAUSED"),
            "state of the schedule roll-up: PAUSED, and ENABLED",
        ),
        (
            &job,
            "/schedule",
            json!("0 0 1 1 *"),
            "times of the schedule roll-up: 0 0 1 1 *, and */1 * * * *",
        ),
        (
            &job,
            "/httpTarget/body",
            json!("W10="),
            "input of the schedule roll-up: [], and {}",
        ),
    ] {
        repairs(&google, configuration, expected, |deployment| {
            *resource(deployment, path).pointer_mut(pointer).unwrap() = value;
        });
    }
    for (path, expected) in [
        (&subscription, "the queue message-log has no subscription"),
        (&job, "the schedule roll-up doesn't exist"),
    ] {
        repairs(&google, configuration, expected, |deployment| {
            deployment.resources.remove(path).unwrap();
        });
    }
    repairs(
        &google,
        configuration,
        "MASKING_KEY is not set: set it to 64 hex digits",
        |deployment| {
            let env = &mut resource(deployment, &service)["template"]["containers"][0]["env"];
            env.as_array_mut()
                .unwrap()
                .retain(|it| it["name"] != "MASKING_KEY");
        },
    );
    repairs(
        &google,
        "service message-log",
        "the revision doesn't start",
        |deployment| {
            resource(deployment, &service)["terminalCondition"] =
                json!({"state": "CONDITION_FAILED", "message": "the revision doesn't start"});
        },
    );
}

#[test]
fn a_secret_on_google_cloud_without_a_value_that_works_is_repaired_by_its_command() {
    let google = Google::start();
    for (check, value, expected) in [
        ("secret MASKING_KEY", None, "it has no value"),
        (
            "secret MASKING_KEY",
            Some(("hunter2", true)),
            "64 hex digits",
        ),
        ("secret MASKING_KEY", Some(("0707\n", true)), "line break"),
        (
            "secret AUTH_TOKENS",
            Some(("[]", true)),
            "AUTH_TOKENS has no token",
        ),
        (
            "secret DATABASE_URL",
            Some(("mysql://hunter2@db", true)),
            "DATABASE_URL",
        ),
        (
            "secret WAREHOUSE_URL",
            Some(("mysql://hunter2@db", true)),
            "WAREHOUSE_URL",
        ),
        (
            "secret AUTH_TOKENS",
            Some((super::TOKENS, false)),
            "its newest version is disabled",
        ),
    ] {
        repairs(&google, check, expected, |deployment| {
            let variable = check.strip_prefix("secret ").unwrap().to_owned();
            let value = value.map(|(text, enabled)| (text.to_owned(), enabled));
            deployment.secrets.insert(variable, value);
        });
    }
}

#[test]
fn a_deleted_secret_on_google_cloud_is_found_and_secrets_of_another_deployment_are_left_alone() {
    let google = Google::start();
    // `metasync-eu` is another deployment.
    let other = "eu-DATABASE_URL".to_owned();
    google.lock().secrets.insert(other, None);
    let (is_fine, checks) = google.doctor();
    assert!(is_fine, "{checks:#?}");
    let is_other = |(name, ..): &(String, String, String)| name.contains("eu-");
    assert!(!checks.iter().any(is_other), "{checks:#?}");

    google.lock().secrets.remove("MASKING_KEY").unwrap();
    let (_, checks) = google.doctor();
    let expected =
        "the secret doesn't exist, so its services don't start | terraform -chdir=infra/gcp apply";
    super::assert_fails(&checks, &[("secret MASKING_KEY", expected)]);
}

#[test]
fn a_deleted_alert_policy_is_repaired_by_its_command_and_nothing_deployed_is_a_failure() {
    let google = Google::start();
    for called in [
        "metasync: message-log answers 5xx",
        "metasync: many requests are refused",
        "metasync: dead letters of message-log",
        "metasync: a scheduled run failed",
    ] {
        let expected = format!("the alert policy {called:?} doesn't exist");
        repairs(&google, "alarms", &expected, |deployment| {
            assert!(deployment.alarms.remove(called));
        });
    }
    let env = google.env();
    let env: Vec<(&str, &str)> = env
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let (is_fine, checks) = super::doctor(&["--gcp", "--name", "typo"], &env);
    assert!(!is_fine);
    let apply = "| terraform -chdir=infra/gcp apply";
    for (check, detail) in [
        ("services", "no service typo-... is deployed in shop"),
        ("alarms", "the deployment typo has no alert policies"),
    ] {
        super::assert_fails(&checks, &[(check, detail), (check, apply)]);
    }
}

#[test]
fn a_service_behind_a_load_balancer_is_not_asked_for_its_readiness() {
    let google = Google::start();
    let service = format!("/v2/{LOCATION}/services/metasync-settings");
    resource(&mut google.lock(), &service)["ingress"] =
        "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER".into();
    google.lock().reports.insert(
        "settings".to_owned(),
        (404, json!({"message": "from outside"})),
    );
    let (is_fine, checks) = google.doctor();
    assert!(is_fine, "{checks:#?}");
    let found = checks
        .iter()
        .find(|(name, ..)| name == "readiness settings");
    assert_eq!(found.unwrap().1, "skipped", "{checks:#?}");
}

#[test]
fn what_a_service_lacks_and_who_may_ask_it_is_repaired_by_its_command() {
    let google = Google::start();
    let not_synced = json!({"status": "unavailable", "checks": [
        {"name": "bucket", "status": "ok"},
        {"name": "schema", "status": "unavailable", "detail": "no sync has run"},
    ]});
    repairs(
        &google,
        "readiness cache-read",
        "schema: no sync has run",
        |deployment| {
            deployment
                .reports
                .insert("cache-read".to_owned(), (503, not_synced));
        },
    );

    // A service whose callers IAM checks: the difference is one finding, the call another.
    let path = format!("/v2/{LOCATION}/services/metasync-stats-batch");
    resource(&mut google.lock(), &path)["invokerIamDisabled"] = json!(false);
    let (_, checks) = google.doctor();
    let [command] = &commands(&checks, "readiness stats-batch")[..] else {
        panic!("{checks:#?}");
    };
    google.run(command, &[]);
    let (_, checks) = google.doctor();
    assert_eq!(
        commands(&checks, "readiness stats-batch"),
        [""; 0],
        "{checks:#?}"
    );
    let [command] = &commands(&checks, "configuration stats-batch")[..] else {
        panic!("{checks:#?}");
    };
    google.run(command, &[]);
    assert!(google.doctor().0);
}

#[test]
fn a_missing_api_or_permission_is_repaired_by_its_command() {
    let google = Google::start();
    repairs(
        &google,
        "APIs",
        "not enabled: pubsub.googleapis.com run.googleapis.com",
        |deployment| {
            let apis = ["pubsub.googleapis.com", "run.googleapis.com"];
            deployment.disabled_apis.extend(apis.map(str::to_owned));
        },
    );
    for permission in [
        "iam.serviceAccounts.actAs",
        "monitoring.alertPolicies.create",
        "pubsub.topics.setIamPolicy",
        "run.services.setIamPolicy",
        "secretmanager.versions.add",
        "serviceusage.services.enable",
        "storage.buckets.setIamPolicy",
    ] {
        let expected = format!("{permission} is missing on shop, for google_");
        repairs(&google, "rights", &expected, |deployment| {
            deployment.missing_permissions.insert(permission.to_owned());
        });
    }
    // Settings are optional.
    for (permission, setting) in [
        ("cloudsql.instances.create", "a database of its own"),
        ("compute.urlMaps.create", "a domain"),
        ("compute.routers.create", "nat"),
    ] {
        google
            .lock()
            .missing_permissions
            .insert(permission.to_owned());
        let (is_fine, checks) = google.doctor();
        assert!(is_fine);
        let [command] = &commands(&checks, "rights")[..] else {
            panic!("{checks:#?}");
        };
        let expected = format!("for {setting}, {permission} is missing on shop");
        let is_named = |(name, status, text): &(String, String, String)| {
            name == "rights" && status == "hint" && text.contains(&expected)
        };
        assert!(checks.iter().any(is_named), "{expected}: {checks:#?}");
        google.run(command, &[]);
        assert_eq!(commands(&google.doctor().1, "rights"), [""; 0]);
    }
}
