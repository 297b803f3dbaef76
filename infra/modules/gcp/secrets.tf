# The secrets, without values. You set these by hand (see the output next_steps), so they are not in the
# state.
resource "google_secret_manager_secret" "this" {
  for_each = var.secrets

  project   = var.project
  secret_id = "${var.name}-${each.key}"

  replication {
    auto {}
  }

  depends_on = [google_project_service.this]
}

resource "google_secret_manager_secret_iam_member" "function" {
  for_each = merge([
    for name, reads in local.reads : {
      for variable in setintersection(reads, var.secrets) : "${name} ${variable}" => { name = name, variable = variable }
    }
  ]...)

  project   = var.project
  secret_id = google_secret_manager_secret.this[each.value.variable].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function[each.value.name].member
}
