# Where the image is pushed to. One image has the binary of every function, so that one push and one
# digest are one version of everything; which binary runs is the container's command. Cloud Run
# reads of an image what is used, so that the others cost nothing at start.
resource "google_artifact_registry_repository" "this" {
  project       = var.project
  location      = var.region
  repository_id = var.name
  description   = "Images of ${var.name}"
  format        = "DOCKER"

  cleanup_policies {
    id     = "keep-ten"
    action = "KEEP"

    most_recent_versions {
      keep_count = 10
    }
  }

  cleanup_policies {
    id     = "delete-older-than-90-days"
    action = "DELETE"

    condition {
      older_than = "7776000s"
    }
  }

  depends_on = [google_project_service.this]
}
