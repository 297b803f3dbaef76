# Queues of the functions that have one. A message that fails is delivered again, without the rest of its
# batch. After the configured number of attempts, it goes to the dead letters. `metasync` recognizes a
# queue by its name.
resource "aws_sqs_queue" "messages" {
  for_each = local.queues

  name                    = "${var.name}-${each.key}"
  sqs_managed_sse_enabled = true
  # AWS recommends six times the function's time-out, so that no message in progress is delivered again.
  visibility_timeout_seconds = min(43200, 6 * local.functions[each.value.consumer].timeout_seconds)

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[each.key].arn
    maxReceiveCount     = each.value.receives
  })
}

resource "aws_sqs_queue" "dead_letters" {
  for_each = local.queues

  name                      = "${var.name}-${each.key}-dead-letters"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 14 * 24 * 60 * 60
}

resource "aws_lambda_event_source_mapping" "messages" {
  for_each = local.queues

  event_source_arn        = aws_sqs_queue.messages[each.key].arn
  function_name           = aws_lambda_function.this[each.value.consumer].arn
  batch_size              = each.value.batch
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = local.functions[each.value.consumer].concurrency.instances
  }
}

# Scheduled runs that could not start, or that failed three times.
resource "aws_sqs_queue" "failed_runs" {
  count = length(local.schedules) > 0 ? 1 : 0

  name                      = "${var.name}-failed-runs"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 14 * 24 * 60 * 60
}
