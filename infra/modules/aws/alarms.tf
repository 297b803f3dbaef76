# Alarms for problems that need a person: failed work, waiting work, 5xx responses, and bursts of refused requests.
locals {
  alarms = merge(
    {
      for name, queue in aws_sqs_queue.dead_letters : "${name}-dead-letters" => {
        description = "Messages for ${name} failed ${local.queues[name].receives} times. The log of ${local.queues[name].consumer} has the reason. What to do: docs/alarms/aws-dead-letters.md"
        namespace   = "AWS/SQS"
        metric      = "ApproximateNumberOfMessagesVisible"
        statistic   = "Maximum"
        threshold   = 0
        periods     = 1
        dimensions  = { QueueName = queue.name }
      }
    },
    {
      for name, queue in aws_sqs_queue.messages : "${name}-waiting" => {
        description = "Messages for ${name} have waited for 15 minutes: ${local.queues[name].consumer} fails, or is too slow. What to do: docs/alarms/aws-waiting.md"
        namespace   = "AWS/SQS"
        metric      = "ApproximateAgeOfOldestMessage"
        statistic   = "Maximum"
        threshold   = 15 * 60
        periods     = 1
        dimensions  = { QueueName = queue.name }
      }
    },
    {
      for queue in aws_sqs_queue.failed_runs : "failed-runs" => {
        description = "A scheduled run failed three times, or could not start. The queue holds the run, the function's log has the reason. What to do: docs/alarms/aws-failed-runs.md"
        namespace   = "AWS/SQS"
        metric      = "ApproximateNumberOfMessagesVisible"
        statistic   = "Maximum"
        threshold   = 0
        periods     = 1
        dimensions  = { QueueName = queue.name }
      }
    },
    {
      server-errors = {
        description = "Responses have been 5xx for 10 minutes. What to do: docs/alarms/aws-server-errors.md"
        namespace   = "AWS/ApiGateway"
        metric      = "5xx"
        statistic   = "Sum"
        threshold   = 5
        periods     = 2
        dimensions  = { ApiId = aws_apigatewayv2_api.this.id }
      }
      refused-requests = {
        description = "The functions refused more than 100 requests (401, 403) within 5 minutes: somebody tries credentials, or a caller has a wrong one. What to do: docs/alarms/aws-refused-requests.md"
        namespace   = local.refused_requests.namespace
        metric      = local.refused_requests.name
        statistic   = "Sum"
        threshold   = 100
        periods     = 1
        dimensions  = {}
      }
    },
  )
}

# The metric of the same name has one value per function, for all deployments of an account. This one sums the functions
# of this deployment.
locals {
  refused_requests = { namespace = "metasync/${var.name}", name = "refused_requests" }
}

resource "aws_cloudwatch_log_metric_filter" "refused_requests" {
  for_each = local.functions

  name           = local.refused_requests.name
  log_group_name = aws_cloudwatch_log_group.function[each.key].name
  pattern        = "{ $.refused_requests > 0 }"

  metric_transformation {
    namespace = local.refused_requests.namespace
    name      = local.refused_requests.name
    value     = "$.refused_requests"
    unit      = "Count"
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_topics
  ok_actions          = local.alarm_topics
}

locals {
  alarm_topics = concat(compact([var.alarm_topic_arn]), aws_sns_topic.alarms[*].arn)
}

resource "aws_sns_topic" "alarms" {
  count = length(var.alarm_emails) > 0 ? 1 : 0

  name = "${var.name}-alarms"
}

resource "aws_sns_topic_policy" "alarms" {
  count = length(aws_sns_topic.alarms)

  arn = aws_sns_topic.alarms[count.index].arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AlarmsOfThisAccount"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms[count.index].arn
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } }
    }]
  })
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each = length(aws_sns_topic.alarms) > 0 ? var.alarm_emails : []

  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = each.value
}

check "alarms" {
  assert {
    condition     = length(local.alarm_topics) > 0
    error_message = "Alarms have no receiver: set alarm_emails or alarm_topic_arn."
  }
}
