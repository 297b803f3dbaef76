//! The rights that `terraform apply` needs for each type of resource in `infra/modules/aws`, to create, read, change
//! and destroy it.

mod settings;

/// The rights for one type of resource.
pub struct Needed {
    pub resource: &'static str,
    /// A resource of the type in a deployment: its ARN without partition, or `*` for actions on any resource.
    pub on: &'static str,
    pub actions: &'static [&'static str],
    /// The setting without which there is no such resource.
    pub used_by: Option<&'static str>,
}

const fn always(
    resource: &'static str,
    on: &'static str,
    actions: &'static [&'static str],
) -> Needed {
    Needed {
        resource,
        on,
        actions,
        used_by: None,
    }
}

const API: &str = "apigateway:{region}::/apis/id";
const BUCKET: &str = "s3:::{name}-{account}-{region}";
const FUNCTION: &str = "lambda:{region}:{account}:function:{name}-settings";
const ROLE: &str = "iam::{account}:role/{name}-settings";

/// The rights for every type of resource.
pub fn needed() -> impl Iterator<Item = &'static Needed> {
    ALWAYS.iter().chain(settings::NEEDED)
}

const ALWAYS: &[Needed] = &[
    always(
        "aws_apigatewayv2_api",
        API,
        &[
            "apigateway:DELETE",
            "apigateway:GET",
            "apigateway:PATCH",
            "apigateway:POST",
            "apigateway:TagResource",
        ],
    ),
    always("aws_apigatewayv2_authorizer", API, &["apigateway:POST"]),
    always("aws_apigatewayv2_integration", API, &["apigateway:POST"]),
    always("aws_apigatewayv2_route", API, &["apigateway:POST"]),
    always("aws_apigatewayv2_stage", API, &["apigateway:POST"]),
    always(
        "aws_cloudwatch_log_group",
        "logs:{region}:{account}:log-group:/aws/lambda/{name}-settings",
        &[
            "logs:CreateLogGroup",
            "logs:DeleteLogGroup",
            "logs:DescribeLogGroups",
            "logs:ListTagsForResource",
            "logs:PutRetentionPolicy",
            "logs:TagResource",
        ],
    ),
    always(
        "aws_cloudwatch_log_metric_filter",
        "logs:{region}:{account}:log-group:/aws/lambda/{name}-settings",
        &[
            "logs:DeleteMetricFilter",
            "logs:DescribeMetricFilters",
            "logs:PutMetricFilter",
        ],
    ),
    always(
        "aws_cloudwatch_metric_alarm",
        "cloudwatch:{region}:{account}:alarm:{name}-server-errors",
        &[
            "cloudwatch:DeleteAlarms",
            "cloudwatch:DescribeAlarms",
            "cloudwatch:ListTagsForResource",
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:TagResource",
        ],
    ),
    always(
        "aws_iam_role",
        ROLE,
        &[
            "iam:CreateRole",
            "iam:DeleteRole",
            "iam:GetRole",
            "iam:ListAttachedRolePolicies",
            "iam:ListInstanceProfilesForRole",
            "iam:ListRolePolicies",
            "iam:PassRole",
            "iam:TagRole",
            "iam:UpdateAssumeRolePolicy",
        ],
    ),
    always(
        "aws_iam_role_policy",
        ROLE,
        &[
            "iam:DeleteRolePolicy",
            "iam:GetRolePolicy",
            "iam:PutRolePolicy",
        ],
    ),
    always(
        "aws_lambda_event_source_mapping",
        "lambda:{region}:{account}:event-source-mapping:id",
        &[
            "lambda:DeleteEventSourceMapping",
            "lambda:GetEventSourceMapping",
            "lambda:UpdateEventSourceMapping",
        ],
    ),
    // This one is granted on no resource.
    always(
        "aws_lambda_event_source_mapping",
        "*",
        &[
            "lambda:CreateEventSourceMapping",
            "lambda:ListEventSourceMappings",
        ],
    ),
    always(
        "aws_lambda_function",
        FUNCTION,
        &[
            "lambda:CreateFunction",
            "lambda:DeleteFunction",
            "lambda:DeleteFunctionConcurrency",
            "lambda:GetFunction",
            "lambda:GetFunctionCodeSigningConfig",
            "lambda:GetFunctionConcurrency",
            "lambda:GetFunctionConfiguration",
            // For the first sync, and for `metasync doctor`.
            "lambda:InvokeFunction",
            "lambda:ListVersionsByFunction",
            "lambda:PutFunctionConcurrency",
            "lambda:TagResource",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
        ],
    ),
    always(
        "aws_lambda_function_event_invoke_config",
        FUNCTION,
        &[
            "lambda:DeleteFunctionEventInvokeConfig",
            "lambda:GetFunctionEventInvokeConfig",
            "lambda:PutFunctionEventInvokeConfig",
        ],
    ),
    always(
        "aws_lambda_permission",
        FUNCTION,
        &[
            "lambda:AddPermission",
            "lambda:GetPolicy",
            "lambda:RemovePermission",
        ],
    ),
    always(
        "aws_s3_bucket",
        BUCKET,
        &[
            "s3:CreateBucket",
            "s3:DeleteBucket",
            "s3:GetAccelerateConfiguration",
            "s3:GetBucketAcl",
            "s3:GetBucketCORS",
            "s3:GetBucketLogging",
            "s3:GetBucketObjectLockConfiguration",
            "s3:GetBucketRequestPayment",
            "s3:GetBucketTagging",
            "s3:GetBucketVersioning",
            "s3:GetBucketWebsite",
            "s3:GetReplicationConfiguration",
            "s3:ListBucket",
            "s3:PutBucketTagging",
        ],
    ),
    always(
        "aws_s3_bucket_lifecycle_configuration",
        BUCKET,
        &[
            "s3:GetLifecycleConfiguration",
            "s3:PutLifecycleConfiguration",
        ],
    ),
    always(
        "aws_s3_bucket_ownership_controls",
        BUCKET,
        &[
            "s3:GetBucketOwnershipControls",
            "s3:PutBucketOwnershipControls",
        ],
    ),
    always(
        "aws_s3_bucket_policy",
        BUCKET,
        &[
            "s3:DeleteBucketPolicy",
            "s3:GetBucketPolicy",
            "s3:PutBucketPolicy",
        ],
    ),
    always(
        "aws_s3_bucket_public_access_block",
        BUCKET,
        &[
            "s3:GetBucketPublicAccessBlock",
            "s3:PutBucketPublicAccessBlock",
        ],
    ),
    always(
        "aws_s3_bucket_server_side_encryption_configuration",
        BUCKET,
        &[
            "s3:GetEncryptionConfiguration",
            "s3:PutEncryptionConfiguration",
        ],
    ),
    always(
        "aws_scheduler_schedule",
        "scheduler:{region}:{account}:schedule/default/{name}-stats-batch-roll-up",
        &[
            "scheduler:CreateSchedule",
            "scheduler:DeleteSchedule",
            "scheduler:GetSchedule",
            "scheduler:UpdateSchedule",
        ],
    ),
    always(
        "aws_scheduler_schedule",
        "iam::{account}:role/{name}-stats-batch-roll-up-schedule",
        &["iam:PassRole"],
    ),
    always(
        "aws_secretsmanager_secret",
        "secretsmanager:{region}:{account}:secret:{name}/AUTH_TOKENS-000000",
        &[
            "secretsmanager:CreateSecret",
            "secretsmanager:DeleteSecret",
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetResourcePolicy",
            // For the values, which the steps after apply store.
            "secretsmanager:PutSecretValue",
            "secretsmanager:TagResource",
        ],
    ),
    always(
        "aws_sqs_queue",
        "sqs:{region}:{account}:{name}-failed-runs",
        &[
            "sqs:CreateQueue",
            "sqs:DeleteQueue",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ListQueueTags",
            "sqs:SetQueueAttributes",
            "sqs:TagQueue",
        ],
    ),
    always("aws_caller_identity", "*", &["sts:GetCallerIdentity"]),
    // The provider knows them.
    always("aws_partition", "*", &[]),
    always("aws_region", "*", &[]),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::doctor::modules::types_in;

    #[test]
    fn every_type_of_resource_in_the_modules_has_its_rights_and_no_other_type_is_listed() {
        let listed: BTreeSet<String> = needed().map(|it| it.resource.to_owned()).collect();
        assert_eq!(listed, types_in("aws"));
    }

    #[test]
    fn an_action_has_a_service_and_a_resource_has_the_parts_of_an_arn() {
        for needed in needed() {
            let parts = needed.on.splitn(4, ':').count();
            assert!(needed.on == "*" || parts == 4, "{}", needed.on);
            for action in needed.actions {
                let (service, name) = action.split_once(':').expect("a service");
                assert!(!service.is_empty() && !name.is_empty(), "{action}");
            }
        }
    }
}
