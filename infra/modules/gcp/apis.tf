# The APIs that a new project hasn't enabled. Everything else waits for them, because calls fail right after an
# API is enabled.
resource "google_project_service" "this" {
  for_each = toset(concat(
    [
      "artifactregistry.googleapis.com",
      "cloudscheduler.googleapis.com",
      "iam.googleapis.com",
      "monitoring.googleapis.com",
      "pubsub.googleapis.com",
      "run.googleapis.com",
      "secretmanager.googleapis.com",
      "storage.googleapis.com",
    ],
    length(local.datasets) > 0 ? ["bigquery.googleapis.com"] : [],
    var.database != null ? ["sqladmin.googleapis.com"] : [],
    var.domain != null || var.nat ? ["compute.googleapis.com"] : [],
  ))

  project = var.project
  service = each.value
  # Other systems in the project may use it too.
  disable_on_destroy = false
}

data "google_project" "this" {
  project_id = var.project
}
