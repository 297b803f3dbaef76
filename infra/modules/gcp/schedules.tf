resource "google_cloud_scheduler_job" "this" {
  for_each = { for name, it in local.schedules : name => it if var.image != null }

  project     = var.project
  region      = var.region
  name        = "${var.name}-${each.key}"
  description = "Runs ${each.value.function}"
  schedule    = each.value.every_minutes == null ? format("%d %d * * *", split(":", each.value.daily_at)[1], split(":", each.value.daily_at)[0]) : (each.value.every_minutes == 60 ? "0 * * * *" : "*/${each.value.every_minutes} * * * *")
  time_zone   = "Etc/UTC"

  # The limit of Cloud Scheduler is half an hour.
  attempt_deadline = "${min(1800, max(15, local.functions[each.value.function].timeout_seconds))}s"

  retry_config {
    retry_count          = 3
    min_backoff_duration = "10s"
    max_backoff_duration = "300s"
  }

  http_target {
    http_method = "POST"
    uri         = "${google_cloud_run_v2_service.this[each.value.function].uri}/events/${each.value.function}"
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode(jsonencode(each.value.input))

    oidc_token {
      service_account_email = google_service_account.caller[each.value.function].email
      audience              = local.audiences[each.value.function]
    }
  }

  depends_on = [google_project_service.this]
}
