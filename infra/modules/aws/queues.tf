# Messages for the functions that take them from a queue. A message that fails comes again, the
# others of its batch do not, and after so many times it lies in the dead letters.
resource "aws_sqs_queue" "messages" {
  for_each = local.queues

  name                    = "${var.name}-${each.key}"
  sqs_managed_sse_enabled = true
  # Lambda wants six times the function's time, so that nothing comes again that is being worked on.
  visibility_timeout_seconds = min(43200, 6 * local.functions[each.key].timeout_seconds)

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
  function_name           = aws_lambda_function.this[each.key].arn
  batch_size              = each.value.batch
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = local.functions[each.key].concurrency.instances
  }
}

# Runs that a schedule could not start, and runs that failed three times.
resource "aws_sqs_queue" "failed_runs" {
  count = length(local.schedules) > 0 ? 1 : 0

  name                      = "${var.name}-failed-runs"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 14 * 24 * 60 * 60
}
