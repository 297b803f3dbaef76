data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

resource "aws_cloudwatch_log_group" "function" {
  for_each = local.functions

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_days
}

resource "aws_lambda_function" "this" {
  for_each = local.functions

  function_name = "${var.name}-${each.key}"
  description   = each.value.description
  role          = aws_iam_role.function[each.key].arn

  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  filename         = "${var.packages}/${each.key}.zip"
  source_code_hash = filebase64sha256("${var.packages}/${each.key}.zip")

  memory_size                    = each.value.memory_mb
  timeout                        = each.value.timeout_seconds
  reserved_concurrent_executions = var.reserve_concurrency ? each.value.concurrency.instances : -1

  environment {
    variables = local.environment[each.key]
  }

  dynamic "vpc_config" {
    for_each = local.networks[each.key] == null ? [] : [local.networks[each.key]]

    content {
      subnet_ids         = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  # Everything that a running function needs exists before it, and outlives it when the deployment is destroyed.
  # A log group that Lambda creates keeps logs forever, and a function that may not read its secrets yet doesn't
  # start.
  depends_on = [
    aws_cloudwatch_log_group.function,
    aws_db_instance.this,
    aws_iam_role_policy.function,
    aws_iam_role_policy.network,
    aws_route.functions_to_internet,
    aws_route_table_association.this,
    aws_s3_bucket_policy.this,
    aws_vpc_endpoint.s3,
    aws_vpc_endpoint.secrets,
    aws_vpc_security_group_egress_rule.functions_to_database,
    aws_vpc_security_group_egress_rule.functions_to_endpoints,
    aws_vpc_security_group_egress_rule.functions_to_internet,
    aws_vpc_security_group_egress_rule.functions_to_s3,
    aws_vpc_security_group_ingress_rule.database_from_functions,
    aws_vpc_security_group_ingress_rule.endpoints_from_functions,
  ]

  lifecycle {
    precondition {
      condition     = length(jsonencode(local.environment[each.key])) < 4096
      error_message = "The variables of ${each.key} exceed Lambda's limit of 4 KB: make the longest one a secret."
    }
  }
}

# A failed run is tried twice more, and then goes to the queue of failed runs.
resource "aws_lambda_function_event_invoke_config" "scheduled" {
  for_each = { for name, it in local.functions : name => it if length(it.schedules) > 0 }

  function_name          = aws_lambda_function.this[each.key].function_name
  maximum_retry_attempts = 2

  destination_config {
    on_failure {
      destination = aws_sqs_queue.failed_runs[0].arn
    }
  }
}
