//! The rights that `terraform apply` needs for each type of resource in `infra/modules/aws`, to create, read, change
//! and destroy it.

/// The rights for one type of resource.
pub struct Needed {
    pub resource: &'static str,
    /// A resource of the type in a deployment: its ARN without partition, or `*` for actions on any resource.
    pub on: &'static str,
    pub actions: &'static [&'static str],
    /// The variable without which there is no such resource.
    pub used_by: Option<&'static str>,
}

const fn needed(
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

const fn with(
    variable: &'static str,
    resource: &'static str,
    on: &'static str,
    actions: &'static [&'static str],
) -> Needed {
    Needed {
        resource,
        on,
        actions,
        used_by: Some(variable),
    }
}

const API: &str = "apigateway:{region}::/apis/id";
const BUCKET: &str = "s3:::{name}-{account}-{region}";
const FUNCTION: &str = "lambda:{region}:{account}:function:{name}-settings";
const ROLE: &str = "iam::{account}:role/{name}-settings";
const TOPIC: &str = "sns:{region}:{account}:{name}-alarms";

pub const NEEDED: &[Needed] = &[
    needed(
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
    needed("aws_apigatewayv2_authorizer", API, &["apigateway:POST"]),
    needed("aws_apigatewayv2_integration", API, &["apigateway:POST"]),
    needed("aws_apigatewayv2_route", API, &["apigateway:POST"]),
    needed("aws_apigatewayv2_stage", API, &["apigateway:POST"]),
    needed(
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
    needed(
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
    needed(
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
    needed(
        "aws_iam_role_policy",
        ROLE,
        &[
            "iam:DeleteRolePolicy",
            "iam:GetRolePolicy",
            "iam:PutRolePolicy",
        ],
    ),
    needed(
        "aws_lambda_event_source_mapping",
        "lambda:{region}:{account}:event-source-mapping:id",
        &[
            "lambda:DeleteEventSourceMapping",
            "lambda:GetEventSourceMapping",
            "lambda:UpdateEventSourceMapping",
        ],
    ),
    // This one is granted on no resource.
    needed(
        "aws_lambda_event_source_mapping",
        "*",
        &[
            "lambda:CreateEventSourceMapping",
            "lambda:ListEventSourceMappings",
        ],
    ),
    needed(
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
    needed(
        "aws_lambda_function_event_invoke_config",
        FUNCTION,
        &[
            "lambda:DeleteFunctionEventInvokeConfig",
            "lambda:GetFunctionEventInvokeConfig",
            "lambda:PutFunctionEventInvokeConfig",
        ],
    ),
    needed(
        "aws_lambda_permission",
        FUNCTION,
        &[
            "lambda:AddPermission",
            "lambda:GetPolicy",
            "lambda:RemovePermission",
        ],
    ),
    needed(
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
    needed(
        "aws_s3_bucket_lifecycle_configuration",
        BUCKET,
        &[
            "s3:GetLifecycleConfiguration",
            "s3:PutLifecycleConfiguration",
        ],
    ),
    needed(
        "aws_s3_bucket_ownership_controls",
        BUCKET,
        &[
            "s3:GetBucketOwnershipControls",
            "s3:PutBucketOwnershipControls",
        ],
    ),
    needed(
        "aws_s3_bucket_policy",
        BUCKET,
        &[
            "s3:DeleteBucketPolicy",
            "s3:GetBucketPolicy",
            "s3:PutBucketPolicy",
        ],
    ),
    needed(
        "aws_s3_bucket_public_access_block",
        BUCKET,
        &[
            "s3:GetBucketPublicAccessBlock",
            "s3:PutBucketPublicAccessBlock",
        ],
    ),
    needed(
        "aws_s3_bucket_server_side_encryption_configuration",
        BUCKET,
        &[
            "s3:GetEncryptionConfiguration",
            "s3:PutEncryptionConfiguration",
        ],
    ),
    needed(
        "aws_scheduler_schedule",
        "scheduler:{region}:{account}:schedule/default/{name}-stats-batch-roll-up",
        &[
            "scheduler:CreateSchedule",
            "scheduler:DeleteSchedule",
            "scheduler:GetSchedule",
            "scheduler:UpdateSchedule",
        ],
    ),
    needed(
        "aws_scheduler_schedule",
        "iam::{account}:role/{name}-stats-batch-roll-up-schedule",
        &["iam:PassRole"],
    ),
    needed(
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
    needed(
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
    with(
        "alarm_emails",
        "aws_sns_topic",
        TOPIC,
        &[
            "sns:CreateTopic",
            "sns:DeleteTopic",
            "sns:GetTopicAttributes",
            "sns:ListTagsForResource",
            "sns:SetTopicAttributes",
            "sns:TagResource",
        ],
    ),
    with(
        "alarm_emails",
        "aws_sns_topic_policy",
        TOPIC,
        &["sns:SetTopicAttributes"],
    ),
    with(
        "alarm_emails",
        "aws_sns_topic_subscription",
        TOPIC,
        &["sns:Subscribe"],
    ),
    with(
        "alarm_emails",
        "aws_sns_topic_subscription",
        "*",
        &["sns:GetSubscriptionAttributes", "sns:Unsubscribe"],
    ),
    needed("aws_caller_identity", "*", &["sts:GetCallerIdentity"]),
    // The provider knows them.
    needed("aws_partition", "*", &[]),
    needed("aws_region", "*", &[]),
    with(
        "database",
        "aws_availability_zones",
        "*",
        &["ec2:DescribeAvailabilityZones"],
    ),
    with(
        "database",
        "aws_db_instance",
        "rds:{region}:{account}:db:{name}",
        &[
            "rds:AddTagsToResource",
            "rds:CreateDBInstance",
            "rds:DeleteDBInstance",
            "rds:DescribeDBInstances",
            "rds:ListTagsForResource",
            "rds:ModifyDBInstance",
        ],
    ),
    with(
        "database",
        "aws_db_parameter_group",
        "rds:{region}:{account}:pg:{name}",
        &[
            "rds:CreateDBParameterGroup",
            "rds:DeleteDBParameterGroup",
            "rds:DescribeDBParameterGroups",
            "rds:DescribeDBParameters",
            "rds:ModifyDBParameterGroup",
        ],
    ),
    with(
        "database",
        "aws_db_subnet_group",
        "rds:{region}:{account}:subgrp:{name}",
        &[
            "rds:CreateDBSubnetGroup",
            "rds:DeleteDBSubnetGroup",
            "rds:DescribeDBSubnetGroups",
        ],
    ),
    with(
        "database",
        "aws_default_security_group",
        "*",
        &[
            "ec2:DescribeSecurityGroups",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupIngress",
        ],
    ),
    with(
        "database",
        "aws_internet_gateway",
        "*",
        &[
            "ec2:AttachInternetGateway",
            "ec2:CreateInternetGateway",
            "ec2:DeleteInternetGateway",
            "ec2:DescribeInternetGateways",
            "ec2:DetachInternetGateway",
        ],
    ),
    with(
        "database",
        "aws_route",
        "*",
        &["ec2:CreateRoute", "ec2:DeleteRoute"],
    ),
    with(
        "database",
        "aws_route_table",
        "*",
        &[
            "ec2:CreateRouteTable",
            "ec2:DeleteRouteTable",
            "ec2:DescribeRouteTables",
        ],
    ),
    with(
        "database",
        "aws_route_table_association",
        "*",
        &["ec2:AssociateRouteTable", "ec2:DisassociateRouteTable"],
    ),
    with(
        "database",
        "aws_security_group",
        "*",
        &[
            "ec2:CreateSecurityGroup",
            "ec2:CreateTags",
            "ec2:DeleteSecurityGroup",
            "ec2:DescribeSecurityGroups",
        ],
    ),
    with(
        "database",
        "aws_subnet",
        "*",
        &[
            "ec2:CreateSubnet",
            "ec2:DeleteSubnet",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
        ],
    ),
    with(
        "database",
        "aws_vpc",
        "*",
        &[
            "ec2:CreateVpc",
            "ec2:DeleteVpc",
            "ec2:DescribeNetworkAcls",
            "ec2:DescribeVpcAttribute",
            "ec2:DescribeVpcs",
            "ec2:ModifyVpcAttribute",
        ],
    ),
    with(
        "database",
        "aws_vpc_endpoint",
        "*",
        &[
            "ec2:CreateVpcEndpoint",
            "ec2:DeleteVpcEndpoints",
            "ec2:DescribePrefixLists",
            "ec2:DescribeVpcEndpoints",
        ],
    ),
    with(
        "database",
        "aws_vpc_security_group_egress_rule",
        "*",
        &[
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:DescribeSecurityGroupRules",
            "ec2:RevokeSecurityGroupEgress",
        ],
    ),
    with(
        "database",
        "aws_vpc_security_group_ingress_rule",
        "*",
        &[
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:DescribeSecurityGroupRules",
            "ec2:RevokeSecurityGroupIngress",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cli::doctor::modules::types_in;

    #[test]
    fn every_type_of_resource_in_the_modules_has_its_rights_and_no_other_type_is_listed() {
        let listed: BTreeSet<String> = NEEDED.iter().map(|it| it.resource.to_owned()).collect();
        assert_eq!(listed, types_in("aws"));
    }

    #[test]
    fn an_action_has_a_service_and_a_resource_has_the_parts_of_an_arn() {
        for needed in NEEDED {
            let parts = needed.on.splitn(4, ':').count();
            assert!(needed.on == "*" || parts == 4, "{}", needed.on);
            for action in needed.actions {
                let (service, name) = action.split_once(':').expect("a service");
                assert!(!service.is_empty() && !name.is_empty(), "{action}");
            }
        }
    }
}
