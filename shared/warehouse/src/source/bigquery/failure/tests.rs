use super::*;

fn answer(status: u16, reason: &str, message: &str) -> Failure {
    let body = serde_json::json!({
        "error": {"code": status, "message": message, "errors": [{"reason": reason}]}
    });
    Failure::of_response(
        StatusCode::from_u16(status).unwrap(),
        body.to_string().as_bytes(),
    )
}

#[test]
fn the_reason_decides_whether_a_call_is_retried() {
    for (status, reason, again) in [
        (403, "rateLimitExceeded", true),
        (429, "rateLimitExceeded", true),
        (500, "backendError", true),
        (503, "backendError", true),
        (500, "internalError", true),
        (503, "anythingElse", true),
        (403, "quotaExceeded", false),
        (429, "quotaExceeded", false),
        (403, "accessDenied", false),
        (404, "notFound", false),
        (400, "invalidQuery", false),
        (409, "duplicate", false),
        (403, "responseTooLarge", false),
        (403, "billingNotEnabled", false),
    ] {
        let failure = answer(status, reason, "");
        assert_eq!(failure.is_transient(), again, "{status} {reason}");
        assert!(!failure.needs_new_job());
    }
}

#[test]
fn a_failed_job_is_not_retried_but_run_again() {
    for reason in [
        "jobBackendError",
        "jobInternalError",
        "jobRateLimitExceeded",
    ] {
        let failure = answer(503, reason, "");
        assert!(failure.needs_new_job() && !failure.is_transient());
    }
}

#[test]
fn without_a_reason_the_status_decides() {
    let at = |status: u16, body: &str| {
        let status = StatusCode::from_u16(status).unwrap();
        let failure = Failure::of_response(status, body.as_bytes());
        (failure.is_transient(), failure.reason().to_owned())
    };
    assert_eq!(at(502, "<html>"), (true, "badGateway".into()));
    assert_eq!(
        at(
            403,
            r#"{"error":{"message":"no","status":"PERMISSION_DENIED"}}"#
        ),
        (false, "accessDenied".into())
    );
    assert_eq!(
        at(
            403,
            r#"{"error":{"message":"no","status":"RESOURCE_EXHAUSTED"}}"#
        ),
        (true, "rateLimitExceeded".into())
    );
}

#[test]
fn an_invalid_request_is_not_the_fault_of_the_query() {
    for (reason, message, of_the_query) in [
        ("invalidQuery", "Unrecognized name: nme at [1:8]", true),
        (
            "invalid",
            "Table \"t\" must be qualified with a dataset",
            true,
        ),
        ("invalid", "Invalid table name: `p.d`", true),
        ("invalid", "Unrecognized name: nme at [1:8]", true),
        ("invalid", "Invalid project ID 'x y'", false),
        ("invalid", "Invalid value for location: mars", false),
        ("invalid", "HTTP 400 Bad Request", false),
        ("notFound", "Not found: Table p:d.t", true),
        ("notFound", "Not found: Project p", false),
        ("backendError", "Query at [1:8]", false),
    ] {
        let is = Failure::is_about_the_query(reason, message);
        assert_eq!(is, of_the_query, "{reason}: {message}");
    }
}

#[test]
fn the_message_names_a_dataset_in_another_location() {
    let elsewhere = |message: &str| {
        let dataset = answer(404, "notFound", message).dataset_elsewhere();
        dataset.map(|dataset| dataset.to_string())
    };
    for (message, dataset) in [
        (
            "Not found: Dataset acme:shop was not found in location US",
            Some("acme.shop"),
        ),
        (
            "Not found: Table acme.org:web:shop.t was not found in location EU",
            Some("acme.org:web.shop"),
        ),
        ("Not found: Table acme:shop.t", None),
        ("Not found: Dataset acme:shop", None),
    ] {
        assert_eq!(elsewhere(message).as_deref(), dataset, "{message}");
    }
}

#[test]
fn an_error_names_a_remedy() {
    let dataset = Dataset {
        project: "acme".into(),
        name: "shop".into(),
    };
    let jobs = Subject::Jobs("acme");
    for (failure, subject, advice) in [
        (
            answer(403, "accessDenied", "x"),
            Subject::Dataset(&dataset),
            "roles/bigquery.metadataViewer",
        ),
        (
            answer(
                403,
                "accessDenied",
                "Access Denied: Project acme: User does not have bigquery.jobs.create permission",
            ),
            jobs,
            "grant roles/bigquery.jobUser on project acme",
        ),
        (
            answer(403, "responseTooLarge", "Response too large to return"),
            jobs,
            "responseTooLarge: Response too large to return",
        ),
        (answer(400, "invalid", "x y z"), jobs, "invalid: x y z"),
        (
            answer(
                403,
                "accessNotConfigured",
                "BigQuery API has not been used in project 1",
            ),
            jobs,
            "gcloud services enable",
        ),
        (answer(403, "billingNotEnabled", "x"), jobs, "billing"),
        (answer(403, "quotaExceeded", "x"), jobs, "wait ten minutes"),
        (
            answer(400, "bytesBilledLimitExceeded", "x"),
            jobs,
            "BIGQUERY_MAX_BYTES_BILLED",
        ),
        (
            answer(404, "notFound", "x"),
            Subject::Dataset(&dataset),
            "WAREHOUSE_URL",
        ),
        (
            answer(401, "authError", "x"),
            jobs,
            "gcloud auth application-default login",
        ),
        (answer(503, "backendError", "x"), jobs, "try again later"),
    ] {
        let text = failure.about(subject).to_string();
        assert!(text.contains(advice), "{text}");
    }
}

#[test]
fn a_role_is_named_only_if_bigquery_names_the_missing_permission() {
    let dataset = Dataset {
        project: "acme".into(),
        name: "shop".into(),
    };
    let jobs = Subject::Jobs("acme");
    for (message, subject, role) in [
        (
            "Permission bigquery.jobs.create denied on project acme",
            jobs,
            Some("jobUser"),
        ),
        (
            "Permission bigquery.tables.getData denied on table acme:shop.t",
            jobs,
            Some("dataViewer"),
        ),
        (
            "Access Denied: Table acme:shop.t: User does not have permission to query table",
            jobs,
            Some("dataViewer"),
        ),
        (
            "Permission bigquery.tables.getData denied",
            Subject::Query(&dataset),
            Some("dataViewer"),
        ),
        (
            "Permission bigquery.tables.get denied",
            Subject::Table(&dataset, "t"),
            Some("metadataViewer"),
        ),
        (
            "Caller does not have required permission to use project acme: serviceusage.services.use",
            jobs,
            Some("serviceUsageConsumer"),
        ),
        (
            "Access Denied: Dataset acme:shop",
            Subject::Dataset(&dataset),
            Some("metadataViewer"),
        ),
        ("Permission cloudkms.cryptoKeys.decrypt denied", jobs, None),
        (
            "VPC Service Controls: Request is prohibited by organization's policy",
            jobs,
            None,
        ),
        ("Request had insufficient authentication scopes", jobs, None),
    ] {
        let error = answer(403, "accessDenied", message).about(subject);
        assert!(error.to_string().contains(message), "{error}");
        match (error.remedy(), role) {
            (Some(Remedy::Grant { role, project }), Some(expected)) => {
                assert!(role.ends_with(expected), "{message}: {role}");
                assert_eq!(project, "acme");
            }
            (None, None) => assert!(!error.to_string().contains("roles/"), "{error}"),
            (remedy, _) => panic!("{message}: {remedy:?}"),
        }
    }
}

#[test]
fn messages_of_bigquery_are_cut_and_without_secrets() {
    let message = format!("refused for Bearer abc.def\n{}", "x".repeat(10_000));
    let text = answer(400, "invalid", &message)
        .about(Subject::Jobs("acme"))
        .to_string();
    assert!(text.contains("refused for Bearer *** xxx"), "{text}");
    assert!(text.chars().count() < 800, "{text}");
}
