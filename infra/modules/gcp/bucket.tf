# The object store. Versions of the schema are objects of their own, so the bucket's versioning is off.
resource "google_storage_bucket" "this" {
  project                     = var.project
  name                        = "${var.project}-${var.name}"
  location                    = var.region
  force_destroy               = !var.keep_data
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  soft_delete_policy {
    retention_duration_seconds = 0
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }

    condition {
      age = 1
    }
  }

  dynamic "lifecycle_rule" {
    for_each = var.schema_versions_days == null ? [] : [var.schema_versions_days]

    content {
      action {
        type = "Delete"
      }

      condition {
        age            = lifecycle_rule.value
        matches_prefix = ["schema/versions/"]
      }
    }
  }

  depends_on = [google_project_service.this]
}
