# A Postgres that is reachable through the Cloud SQL proxy only: no network has access, and the proxy requires
# an identity with roles/cloudsql.client. Cloud Run includes the proxy.
locals {
  database = {
    tier             = try(var.database.tier, "db-f1-micro")
    storage_gb       = try(var.database.storage_gb, 10)
    version          = try(var.database.version, "16")
    highly_available = try(var.database.highly_available, false)
  }
}

resource "google_sql_database_instance" "this" {
  count = var.database == null ? 0 : 1

  project             = var.project
  region              = var.region
  name                = var.name
  database_version    = "POSTGRES_${local.database.version}"
  deletion_protection = var.keep_data

  settings {
    tier                        = local.database.tier
    edition                     = "ENTERPRISE"
    availability_type           = local.database.highly_available ? "REGIONAL" : "ZONAL"
    disk_size                   = local.database.storage_gb
    disk_autoresize             = true
    deletion_protection_enabled = var.keep_data

    backup_configuration {
      enabled = true
    }

    ip_configuration {
      ipv4_enabled = true
      ssl_mode     = "ENCRYPTED_ONLY"
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_sql_database" "this" {
  count = var.database == null ? 0 : 1

  project  = var.project
  instance = google_sql_database_instance.this[0].name
  name     = "metasync"
}
