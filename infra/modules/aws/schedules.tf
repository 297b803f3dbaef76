resource "aws_scheduler_schedule" "this" {
  for_each = local.schedules

  name                         = "${var.name}-${each.key}"
  description                  = "Runs ${each.value.function}"
  schedule_expression          = each.value.every_minutes == null ? format("cron(%d %d * * ? *)", split(":", each.value.daily_at)[1], split(":", each.value.daily_at)[0]) : format("rate(%d minute%s)", each.value.every_minutes, each.value.every_minutes == 1 ? "" : "s")
  schedule_expression_timezone = "UTC"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.this[each.value.function].arn
    role_arn = aws_iam_role.schedule[each.key].arn
    input    = jsonencode(each.value.input)

    # The next run continues the work, so an old run need not be retried.
    retry_policy {
      maximum_event_age_in_seconds = 15 * 60
      maximum_retry_attempts       = 10
    }

    dead_letter_config {
      arn = aws_sqs_queue.failed_runs[0].arn
    }
  }
}

resource "aws_iam_role" "schedule" {
  for_each = local.schedules

  name        = "${var.name}-${each.key}-schedule"
  description = "Lets the schedule ${each.key} run ${each.value.function}"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "schedule" {
  for_each = local.schedules

  name = "runs"
  role = aws_iam_role.schedule[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "RunItsFunction"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = [aws_lambda_function.this[each.value.function].arn]
      },
      {
        Sid      = "KeepWhatDidNotStart"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = [aws_sqs_queue.failed_runs[0].arn]
      },
    ]
  })
}
