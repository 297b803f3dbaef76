# One role per function, with exactly the rights of its entry in the catalogue.
resource "aws_iam_role" "function" {
  for_each = local.functions

  name        = "${var.name}-${each.key}"
  description = "The rights of the function ${each.key}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

locals {
  statements = {
    for name, it in local.functions : name => [
      for statement in [
        {
          Sid      = "WriteItsLog"
          Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource = ["${aws_cloudwatch_log_group.function[name].arn}:*"]
        },
        {
          Sid      = "ReadItsSecrets"
          Action   = ["secretsmanager:GetSecretValue"]
          Resource = [for variable, secret in aws_secretsmanager_secret.this : secret.arn if contains(local.reads[name], variable)]
        },
        {
          Sid      = "ReadObjects"
          Action   = ["s3:GetObject"]
          Resource = [for prefix in it.uses.bucket.read : "${aws_s3_bucket.this.arn}/${prefix}*"]
        },
        {
          Sid      = "WriteObjects"
          Action   = ["s3:PutObject"]
          Resource = [for prefix in it.uses.bucket.write : "${aws_s3_bucket.this.arn}/${prefix}*"]
        },
        {
          Sid      = "DeleteObjects"
          Action   = ["s3:DeleteObject"]
          Resource = [for prefix in it.uses.bucket.delete : "${aws_s3_bucket.this.arn}/${prefix}*"]
        },
        {
          # Without it, S3 returns 403 for objects that don't exist.
          Sid      = "TellMissingObjects"
          Action   = ["s3:ListBucket"]
          Resource = contains(local.uses_bucket, name) ? [aws_s3_bucket.this.arn] : []
        },
        {
          Sid      = "TakeFromItsQueue"
          Action   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
          Resource = [for owner, queue in local.queues : aws_sqs_queue.messages[owner].arn if queue.consumer == name]
        },
        {
          Sid      = "KeepFailedRuns"
          Action   = ["sqs:SendMessage"]
          Resource = length(it.schedules) == 0 ? [] : [aws_sqs_queue.failed_runs[0].arn]
        },
      ] : merge({ Effect = "Allow" }, statement) if length(statement.Resource) > 0
    ]
  }
}

resource "aws_iam_role_policy" "function" {
  for_each = local.functions

  name   = "uses"
  role   = aws_iam_role.function[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements[each.key] })
}

# Lambda creates the network interfaces with the role of the function. AWS can't limit the right to describe
# them to a resource; the function's own code is denied all of these calls.
resource "aws_iam_role_policy" "network" {
  for_each = { for name, network in local.networks : name => network if network != null }

  name = "network"
  role = aws_iam_role.function[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "JoinTheNetwork"
        Effect   = "Allow"
        Action   = local.network_actions
        Resource = "*"
      },
      {
        Sid      = "NotByItsCode"
        Effect   = "Deny"
        Action   = local.network_actions
        Resource = "*"
        Condition = {
          ArnEquals = { "lambda:SourceFunctionArn" = "${local.function_arn_prefix}${each.key}" }
        }
      },
    ]
  })
}

locals {
  function_arn_prefix = "arn:${data.aws_partition.this.partition}:lambda:${data.aws_region.this.id}:${data.aws_caller_identity.this.account_id}:function:${var.name}-"

  network_actions = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
  ]
}
