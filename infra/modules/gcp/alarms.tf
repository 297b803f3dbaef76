# Alarms for problems that need a person: failed work, 5xx responses, and bursts of refused requests.
locals {
  alarm_channels = concat(var.alarm_channels, [for channel in google_monitoring_notification_channel.email : channel.id])
}

resource "google_monitoring_notification_channel" "email" {
  for_each = var.alarm_emails

  project      = var.project
  display_name = "${var.name}: ${each.value}"
  type         = "email"
  labels       = { email_address = each.value }

  depends_on = [google_project_service.this]
}

check "alarms" {
  assert {
    condition     = length(local.alarm_channels) > 0
    error_message = "Alarms have no receiver: set alarm_emails or alarm_channels."
  }
}

resource "google_monitoring_alert_policy" "dead_letters" {
  for_each = local.queues

  project               = var.project
  display_name          = "${var.name}: dead letters of ${each.key}"
  combiner              = "OR"
  notification_channels = local.alarm_channels

  documentation {
    content = "Messages for ${each.key} failed again and again. The log of ${each.value.consumer} has the reason. What to do: docs/alarms/gcp-dead-letters.md"
  }

  conditions {
    display_name = "a message is in the dead letters"

    condition_threshold {
      filter          = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${google_pubsub_subscription.dead_letters[each.key].name}\" AND metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_monitoring_alert_policy" "server_errors" {
  for_each = local.services

  project               = var.project
  display_name          = "${var.name}: ${each.key} answers 5xx"
  combiner              = "OR"
  notification_channels = local.alarm_channels

  documentation {
    content = "Callers or schedules get 5xx from ${each.key}. Its log has the reason under the request id. What to do: docs/alarms/gcp-server-errors.md"
  }

  conditions {
    display_name = "more than 5 in 5 minutes, for 10 minutes"

    condition_threshold {
      filter          = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${google_cloud_run_v2_service.this[each.key].name}\" AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"5xx\""
      comparison      = "COMPARISON_GT"
      threshold_value = 5
      duration        = "600s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }
}

# Cloud Run counts the responses. A metric from the log would be the same number, and Cloud Monitoring refuses a policy on
# it for some minutes after it was created.
resource "google_monitoring_alert_policy" "refused_requests" {
  count = length(local.services) > 0 ? 1 : 0

  project               = var.project
  display_name          = "${var.name}: many requests are refused"
  combiner              = "OR"
  notification_channels = local.alarm_channels

  documentation {
    content = "The services refused many requests (401, 403): somebody tries credentials, or a caller has a wrong one. What to do: docs/alarms/gcp-refused-requests.md"
  }

  conditions {
    display_name = "more than 100 in 5 minutes"

    condition_threshold {
      filter          = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = one_of(${join(", ", [for service in google_cloud_run_v2_service.this : "\"${service.name}\""])}) AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code = one_of(\"401\", \"403\")"
      comparison      = "COMPARISON_GT"
      threshold_value = 100
      duration        = "0s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }
}

# Cloud Scheduler logs an error for each attempt that fails.
resource "google_monitoring_alert_policy" "failed_runs" {
  count = length(local.schedules) > 0 ? 1 : 0

  project               = var.project
  display_name          = "${var.name}: a scheduled run failed"
  combiner              = "OR"
  notification_channels = local.alarm_channels

  documentation {
    content = "A schedule called its function, which did not return 2xx. The log of the function has the reason. What to do: docs/alarms/gcp-failed-runs.md"
  }

  conditions {
    display_name = "a job of Cloud Scheduler failed"

    condition_matched_log {
      filter = "resource.type = \"cloud_scheduler_job\" AND resource.labels.job_id = (${join(" OR ", [for name in keys(local.schedules) : "\"${var.name}-${name}\""])}) AND severity >= ERROR"
    }
  }

  alert_strategy {
    notification_rate_limit {
      period = "3600s"
    }

    auto_close = "86400s"
  }

  depends_on = [google_project_service.this]
}
